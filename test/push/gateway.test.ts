import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, manualClock, type ManualClock, startWorld } from '../world.ts'

const REGISTER = `mutation ($input: RegisterPushAppInput!) {
  registerPushApp(input: $input) { subscription { id kind service deviceId createdAt } }
}`
const APP = { appId: 'com.example.app.android', pushkey: 'token-1', data: { format: 'event_id_only' } }
const NOTIFY = '/_matrix/push/v1/notify'

interface Notify {
  readonly path: string
  // Bodies are untyped; tests assert their shapes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly notification: any
}

/** A push gateway on loopback. */
let gateway: Server
let requests: Notify[]
let reply: (pushkey: string) => { status: number; body: unknown }
let world: Awaited<ReturnType<typeof startWorld>>
let clock: ManualClock

beforeEach(async () => {
  requests = []
  reply = () => ({ status: 200, body: { rejected: [] } })
  gateway = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const { notification } = JSON.parse(Buffer.concat(chunks).toString())
      requests.push({ path: request.url ?? '', notification })
      const { status, body } = reply(notification.devices[0].pushkey)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })()
  })
  gateway.listen(0, '127.0.0.1')
  await once(gateway, 'listening')
  const PUSH_GATEWAY_URL = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
  clock = manualClock()
  world = await startWorld({ env: { PUSH_GATEWAY_URL }, dependencies: { clock } })
})
afterEach(async () => {
  await world.close()
  gateway.closeAllConnections()
  gateway.close()
})

const register = async (input: object = APP): Promise<Answer['body']> => {
  const { body } = await world.bob.graphql(REGISTER, { input })
  expect(body.errors).toBeUndefined()
  return body.data.registerPushApp.subscription
}
const subscriptions = async () => (await world.bob.rest('GET', '/push/subscriptions')).body
const call = async (): Promise<string> =>
  (await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', name: 'Standup' })).body.id
const typesOf = () => requests.map(({ notification }) => notification.type)

describe('a push gateway', () => {
  test('is notified of a call and of its end, as the specification of Matrix says', async () => {
    const { id, createdAt } = await register({ ...APP, deviceId: 'phone' })
    expect(await subscriptions()).toMatchObject([{ id, kind: 'app', service: APP.appId, deviceId: 'phone' }])
    const callId = await call()
    await expect.poll(typesOf).toEqual(['call.ringing'])
    await world.alice.rest('POST', `/rooms/${callId}/leave`)
    await expect.poll(typesOf).toEqual(['call.ringing', 'call.cancelled'])
    expect(requests[0]).toEqual({
      path: NOTIFY,
      notification: {
        event_id: `${callId}:1`,
        room_id: callId,
        type: 'call.ringing',
        sender: 'alice',
        room_name: 'Standup',
        prio: 'high',
        content: {
          type: 'ringing',
          callId,
          roomId: callId,
          roomType: 'p2p',
          roomName: 'Standup',
          callerId: 'alice',
          calleeId: 'bob',
          mediaType: 'video',
          deadline: new Date(clock.now().getTime() + 45_000).toISOString(),
        },
        devices: [
          {
            app_id: APP.appId,
            pushkey: APP.pushkey,
            pushkey_ts: Math.floor(Date.parse(createdAt) / 1000),
            data: APP.data,
            tweaks: { sound: 'ring' },
          },
        ],
      },
    })
    expect(requests[1]?.notification).toMatchObject({ prio: 'low', devices: [{ tweaks: {} }] })
    expect(requests[1]?.notification.content.callId).toBe(callId)
  })

  test('that rejects a token ends its subscription, and no other', async () => {
    await register()
    const other = await register({ ...APP, pushkey: 'token-2' })
    reply = () => ({ status: 200, body: { rejected: ['token-1', 'unknown'] } })
    await call()
    await expect.poll(async () => (await subscriptions()).map(({ id }: { id: string }) => id)).toEqual([other.id])
    expect(requests).toHaveLength(2)
  })

  test('that fails gets the message again', async () => {
    await register()
    reply = () => ({ status: 502, body: {} })
    await call()
    await expect.poll(typesOf).toEqual(['call.ringing'])
    reply = () => ({ status: 200, body: {} })
    await expect
      .poll(() => {
        clock.advance(requests.length < 2 ? 1 : 0)
        return typesOf()
      })
      .toEqual(['call.ringing', 'call.ringing'])
    expect(requests[1]).toEqual(requests[0])
    expect(await subscriptions()).toHaveLength(1)
  })

  test('that refuses a message for good does not get it again, but the next one', async () => {
    await register()
    reply = () => ({ status: 400, body: { errcode: 'M_BAD_JSON' } })
    const callId = await call()
    await expect.poll(typesOf).toEqual(['call.ringing'])
    await world.bob.rest('POST', `/rooms/${callId}/reject`)
    await expect.poll(typesOf).toEqual(['call.ringing', 'call.rejected'])
  })
})

test('the same token registered again is the same subscription', async () => {
  const first = await register()
  expect(await register({ ...APP, data: null })).toEqual({ ...first, deviceId: null })
  expect(await subscriptions()).toHaveLength(1)
})

test.each([
  ['appId', { ...APP, appId: '' }],
  ['pushkey', { ...APP, pushkey: 'x'.repeat(1001) }],
  ['data', { ...APP, data: { text: 'x'.repeat(2000) } }],
  ['data', { ...APP, data: [] }],
])('a wrong %s is refused', async (path, input) => {
  const { errors } = (await world.bob.graphql(REGISTER, { input })).body
  expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ path }] })
  expect((await world.bob.rest('POST', '/push/apps', input)).status).toBe(400)
})

test('without a push gateway registering an app says so', async () => {
  const off = await startWorld()
  try {
    const { body } = await off.bob.graphql(REGISTER, { input: APP })
    expect(body.errors[0].extensions.code).toBe('PROVIDER_NOT_CONFIGURED')
  } finally {
    await off.close()
  }
})
