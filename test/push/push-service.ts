import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { makeDirectory } from '../scratch.ts'
import { type Browser, createBrowser } from './browser.ts'
import { createConditions } from '../conditions.ts'

/** A push as the push service received it. */
export interface ReceivedPush {
  /** Names the subscription. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly status: number
}

export interface PushReply {
  readonly status: number
  readonly headers?: Record<string, string>
}

/** A push service on loopback, by TLS, that records what it receives. */
export interface PushService {
  readonly origin: string
  /** The certificate, for `pushAuthorities`. */
  readonly ca: string
  /** All requests, in the order of their arrival. */
  readonly received: readonly ReceivedPush[]
  /** A new browser that is subscribed here. */
  browser(): Browser
  /** The messages that were accepted for a browser, decrypted. */
  messagesOf(browser: Browser): Message[]
  /** Resolves when the condition holds, which is checked after each response. */
  until(holds: () => boolean): Promise<void>
  close(): Promise<void>
}

// Messages are untyped; tests assert their shapes.
// oxlint-disable-next-line typescript/no-explicit-any
export type Message = any

export async function startPushService(behave: (path: string) => PushReply | 'silence'): Promise<PushService> {
  const certificate = await makeCertificate()
  const received: ReceivedPush[] = []
  const conditions = createConditions()
  const server = createServer(certificate, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const path = request.url ?? ''
      const reply = behave(path)
      if (reply === 'silence') return
      const { status, headers = {} } = reply
      received.push({ path, headers: request.headers, body: Buffer.concat(chunks), status })
      response.writeHead(status, headers).end()
      conditions.check()
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  let browsers = 0
  return {
    origin,
    ca: certificate.cert,
    received,
    browser: () => createBrowser(`${origin}/browser/${++browsers}`),
    messagesOf: ({ subscription: { endpoint }, decrypt }) =>
      received
        .filter(({ path, status }) => origin + path === endpoint && status < 300)
        .map(({ body }) => JSON.parse(decrypt(body))),
    until: conditions.until,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A certificate of its own authority for 127.0.0.1. */
async function makeCertificate(): Promise<{ cert: string; key: string }> {
  const directory = await makeDirectory('push-service')
  const [cert, key] = [`${directory}/cert.pem`, `${directory}/key.pem`]
  const name = ['-subj', '/CN=push service', '-addext', 'subjectAltName=IP:127.0.0.1']
  const options = ['-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert]
  await promisify(execFile)('openssl', ['req', '-x509', ...options, ...name])
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
}
