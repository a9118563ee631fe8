import { spawn } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { jwtVerify } from 'jose'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../free-port.ts'
import { makeDirectory } from '../scratch.ts'
import { startWorld } from '../world.ts'
import { pathOf } from './page.ts'

const TYPES = ['ringing', 'answered', 'rejected', 'cancelled', 'missed'].map((type) => `call.${type}`)
const CREATE = `mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { secret } }`

interface Request {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What the doubles of FCM, of Google's token service and of APNs have received. */
let google: Request[]
let apple: Request[]
let fcmStatus: number
const servers: Server[] = []

const record = (requests: Request[], statusOf: (path: string) => number, answer: object) =>
  async function handle(
    request: AsyncIterable<unknown> & { url?: string | undefined; headers: IncomingHttpHeaders },
    response: { statusCode: number; end(body: string): unknown },
  ): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = request.url ?? ''
    requests.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() })
    response.statusCode = statusOf(path)
    response.end(JSON.stringify(answer))
  }

async function listen(server: Server): Promise<string> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

describe('docs/examples/push-relay.mjs', { timeout: 60_000 }, () => {
  const [rsa, ec] = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ]
  let world: Awaited<ReturnType<typeof startWorld>>
  let relay: ReturnType<typeof spawn>
  let url: string
  let secret: string

  beforeEach(async () => {
    ;[google, apple, fcmStatus] = [[], [], 200]
    world = await startWorld({ env: { WEBHOOK_ALLOW_PRIVATE: 'true' } })
    const googleHandler = record(google, (path) => (path === '/token' ? 200 : fcmStatus), { access_token: 'ya29' })
    const FCM_URL = await listen(createServer((request, response) => void googleHandler(request, response)))
    const appleHandler = record(apple, () => 200, {})
    const APNS_URL = await listen(createHttp2Server((request, response) => void appleHandler(request, response)))
    const directory = await makeDirectory('relay')
    const account = {
      project_id: 'project',
      client_email: 'relay@project.example',
      private_key: pem(rsa.privateKey),
      token_uri: `${FCM_URL}/token`,
    }
    const devices = {
      bob: [
        { kind: 'fcm', token: 'android' },
        { kind: 'apns', token: 'iphone' },
      ],
    }
    const [DEVICES, FCM_ACCOUNT, APNS_KEY] = [`${directory}/d.json`, `${directory}/a.json`, `${directory}/k.p8`]
    await writeFile(DEVICES, JSON.stringify(devices))
    await writeFile(FCM_ACCOUNT, JSON.stringify(account))
    await writeFile(APNS_KEY, pem(ec.privateKey))
    // A port first: the secret is known only once the endpoint exists.
    const port = await freePort()
    url = `http://127.0.0.1:${port}/`
    const admin = await world.person('application', { scopes: ['rtc:admin'] })
    const { body } = await admin.graphql(CREATE, { input: { url, types: TYPES } })
    secret = body.data.createWebhookEndpoint.secret
    relay = spawn(process.execPath, [pathOf('push-relay.mjs')], {
      env: {
        PATH: process.env['PATH'],
        SECRET: secret,
        PORT: String(port),
        DEVICES,
        FCM_ACCOUNT,
        FCM_URL,
        APNS_KEY,
        APNS_URL,
        APNS_KEY_ID: 'KEY',
        APNS_TEAM_ID: 'TEAM',
        APNS_BUNDLE_ID: 'com.example.app',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>((resolve, reject) => {
      relay.once('exit', (code) => reject(new Error(`the relay exited with ${code}`)))
      relay.stdout?.once('data', () => resolve())
    })
  })
  afterEach(async () => {
    relay.kill()
    await once(relay, 'exit')
    for (const server of servers.splice(0)) server.close()
    await world.close()
  })

  const call = async () =>
    (await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', mediaType: 'audio' })).body.id
  const messages = () => google.filter(({ path }) => path !== '/token')

  it('rings Android and iOS, and retracts the ring by the same id', async () => {
    const callId: string = await call()
    await expect.poll(() => [messages().length, apple.length], { timeout: 10_000 }).toEqual([1, 1])
    await world.alice.rest('POST', `/rooms/${callId}/leave`)
    await expect.poll(() => [messages().length, apple.length], { timeout: 10_000 }).toEqual([2, 2])

    const [ring, end] = messages().map(({ path, headers, body }) => {
      expect(path).toBe('/v1/projects/project/messages:send')
      expect(headers.authorization).toBe('Bearer ya29')
      return JSON.parse(body).message
    })
    expect(ring).toMatchObject({ token: 'android', android: { priority: 'HIGH' } })
    expect(Number.parseInt(ring.android.ttl, 10)).toBeGreaterThan(30)
    expect(ring.data).toEqual({
      type: 'call.ringing',
      callId,
      callerId: 'alice',
      calleeId: 'bob',
      mediaType: 'audio',
      deadline: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(Object.values(ring.data).every((value) => typeof value === 'string')).toBe(true)
    expect(end.data).toEqual({ ...ring.data, type: 'call.cancelled' })

    for (const { path, headers } of apple) {
      expect(path).toBe('/3/device/iphone')
      expect(headers).toMatchObject({
        'apns-topic': 'com.example.app.voip',
        'apns-push-type': 'voip',
        'apns-priority': '10',
        'apns-expiration': '0',
      })
      const token = headers.authorization?.replace('bearer ', '') ?? ''
      const { payload, protectedHeader } = await jwtVerify(
        token,
        createPublicKey(ec.publicKey.export({ type: 'spki', format: 'pem' })),
      )
      expect([payload.iss, protectedHeader.kid]).toEqual(['TEAM', 'KEY'])
    }
    expect(apple.map(({ body }) => JSON.parse(body))).toEqual([ring.data, end.data])
    // The access token is used again.
    expect(google.filter(({ path }) => path === '/token')).toHaveLength(1)
    const assertion = new URLSearchParams(google[0]?.body).get('assertion') ?? ''
    const { payload } = await jwtVerify(
      assertion,
      createPublicKey(rsa.publicKey.export({ type: 'spki', format: 'pem' })),
    )
    expect(payload.iss).toBe('relay@project.example')
  })

  it('refuses forged messages, ignores late rings, and asks for a repetition when a service fails', async () => {
    const post = (id: string, body: string, signedId = id) => {
      const at = new Date()
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign(signedId, at, body),
      }
      return fetch(url, { method: 'POST', body, headers })
    }
    const ringUntil = (time: number) => {
      const deadline = new Date(time).toISOString()
      const ringing = { callId: 'x', callerId: 'alice', calleeId: 'bob', mediaType: 'audio', deadline }
      return JSON.stringify({ type: 'call.ringing', data: { call: ringing } })
    }
    expect((await post('evt_1', ringUntil(Date.now() + 60_000), 'evt_2')).status).toBe(401)
    expect((await post('evt_1', ringUntil(Date.now() - 1000))).status).toBe(204)
    expect([google, apple]).toEqual([[], []])
    fcmStatus = 503
    expect((await post('evt_3', ringUntil(Date.now() + 60_000))).status).toBe(503)
    fcmStatus = 404
    expect((await post('evt_3', ringUntil(Date.now() + 60_000))).status).toBe(204)
  })
})
