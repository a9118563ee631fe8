import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import type { Network } from './network.ts'
import { isMet } from './requirement.ts'

/** Debian's path, unless `FIREFOX` is set. */
const FIREFOX = process.env['FIREFOX'] ?? '/usr/bin/firefox-esr'

export const firefoxTests = isMet(
  existsSync(FIREFOX),
  'FIREFOX TESTS',
  `there is no ${FIREFOX} (apt-get install firefox-esr)`,
)

/** Fakes devices and permissions, and allows peers on the same machine. */
const PREFERENCES = {
  // Show the gateway's JSON itself instead of the viewer.
  'devtools.jsonview.enabled': false,
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'app.update.enabled': false,
}

/** A Firefox page, driven by WebDriver BiDi: https://w3c.github.io/webdriver-bidi/ */
export interface FirefoxPage {
  /** Evaluates a JavaScript expression and awaits it; the value must be representable in JSON. */
  evaluate<T>(expression: string): Promise<T>
}

export interface Firefox {
  open(url: string): Promise<FirefoxPage>
  close(): Promise<void>
}

const PORT = 9222

/** Firefox gathers no candidates if there are only loopback addresses. */
const ADDRESS = 'ip address add 10.0.0.1/24 dev lo && ip route add default dev lo'

/** Starts a real Firefox in the network. */
export async function launchFirefox(network: Network): Promise<Firefox> {
  const profile = await mkdtemp(join(tmpdir(), 'rtc-firefox-'))
  const preferences = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${value});`)
  await writeFile(join(profile, 'user.js'), preferences.join('\n'))
  await once(network.spawn('sh', ['-c', ADDRESS], { stdio: 'inherit' }), 'exit')
  const flags = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', String(PORT)]
  const program = network.spawn(FIREFOX, flags, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile },
  })
  const exited = once(program, 'exit')
  await listening(program.stderr, exited)
  const url = await network.forwardPort(PORT)
  const bidi = await connect(`${url.replace('http', 'ws')}/session`)
  await bidi.send('session.new', { capabilities: {} })
  return {
    async open(url) {
      const { context } = (await bidi.send('browsingContext.create', { type: 'tab' })) as { context: string }
      await bidi.send('browsingContext.navigate', { context, url, wait: 'complete' })
      return {
        async evaluate<T>(expression: string) {
          const answer = (await bidi.send('script.evaluate', {
            expression: `(async () => JSON.stringify(await (${expression})) ?? 'null')()`,
            target: { context },
            awaitPromise: true,
          })) as { type: string; result: { value: string }; exceptionDetails?: { text: string } }
          if (answer.type !== 'success') throw new Error(answer.exceptionDetails?.text ?? 'the script failed')
          return JSON.parse(answer.result.value) as T
        },
      }
    },
    async close() {
      bidi.close()
      program.kill('SIGTERM')
      await exited
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Resolves when Firefox listens. */
function listening(output: NodeJS.ReadableStream | null, exited: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    output?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('WebDriver BiDi listening')) resolve()
    })
    void exited.then(() => reject(new Error(`Firefox exited:\n${text}`)))
  })
}

async function connect(url: string) {
  // Firefox rejects any other Host header.
  const socket = new WebSocket(url, { headers: { host: `127.0.0.1:${PORT}` } })
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  socket.on('message', (data: Buffer) => {
    const { id, type, result, error, message } = JSON.parse(data.toString())
    const command = waiting.get(id)
    waiting.delete(id)
    if (type === 'success') command?.resolve(result)
    else command?.reject(new Error(`${error}: ${message}`))
  })
  await once(socket, 'open')
  let last = 0
  return {
    send: (method: string, params: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        last += 1
        waiting.set(last, { resolve, reject })
        socket.send(JSON.stringify({ id: last, method, params }))
      }),
    close: () => socket.terminate(),
  }
}
