import { createPublicKey } from 'node:crypto'
import { jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPushStore } from '../../src/push/store.ts'
import type { Observer } from '../../src/core/observer.ts'
import { OpenChatClient } from '../../src/sdk/index.ts'
import { type Answer, manualClock, type ManualClock, type Person, startWorld, withWorld } from '../world.ts'
import { type Browser, createBrowser, VAPID, VAPID_ENV } from './browser.ts'
import { type Message, type PushReply, type PushService, startPushService } from './push-service.ts'

const REGISTER = `mutation ($input: RegisterPushSubscriptionInput!) {
  registerPushSubscription(input: $input) { subscription { id kind service deviceId createdAt usedAt } }
}`
const UNREGISTER = `mutation ($input: UnregisterPushSubscriptionInput!) { unregisterPushSubscription(input: $input) { id } }`
const LIST = '{ webPushPublicKey pushSubscriptions { id kind service deviceId } }'

const SLOW = { timeout: 20_000, interval: 100 }

let world: Awaited<ReturnType<typeof startWorld>>
let clock: ManualClock
let service: PushService
let reply: (path: string) => PushReply | 'silence'

beforeEach(async () => {
  clock = manualClock()
  reply = () => ({ status: 201 })
  service = await startPushService((path) => reply(path))
  world = await startWorld({
    env: { ...VAPID_ENV, PUSH_ALLOW_PRIVATE: 'true' },
    dependencies: { clock, pushAuthorities: service.ca },
  })
})
afterEach(async () => {
  await world.close()
  await service.close()
})

const data = async (answer: Promise<Answer>): Promise<Answer['body']> => {
  const { body } = await answer
  expect(body.errors).toBeUndefined()
  return body.data
}
const codeOf = async (answer: Promise<Answer>): Promise<string> => (await answer).body.errors?.[0].extensions.code
const register = async (person: Person, { subscription }: Browser, rest: object = {}): Promise<Answer['body']> =>
  (await data(person.graphql(REGISTER, { input: { ...subscription, ...rest } }))).registerPushSubscription.subscription
const idsOf = async (person: Person): Promise<string[]> =>
  (await data(person.graphql(LIST))).pushSubscriptions.map(({ id }: { id: string }) => id)
const pathOf = ({ subscription: { endpoint } }: Browser): string => endpoint.slice(service.origin.length)
const typesFor = (browser: Browser): string[] => service.messagesOf(browser).map(({ type }: Message) => type)

/** Alice calls bob. */
async function call(body: object = {}): Promise<string> {
  const { alice } = world
  const created = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', mediaType: 'audio', ...body })
  return created.body.id
}

/** Advances the clock step by step until the condition holds. */
async function advanceUntil(holds: () => boolean): Promise<void> {
  const step = () => {
    if (!holds()) clock.advance(1)
    return holds()
  }
  await expect.poll(step, SLOW).toBe(true)
}

describe('a call', () => {
  test('is pushed to every browser of the callee, encrypted, signed and in time', async () => {
    const [laptop, desktop, alices] = [service.browser(), service.browser(), service.browser()]
    for (const browser of [laptop, desktop]) await register(world.bob, browser)
    await register(world.alice, alices)
    const callId = await call()
    await service.until(() => service.received.length === 2)
    const message = {
      type: 'ringing',
      callId,
      roomId: callId,
      roomType: 'p2p',
      roomName: null,
      callerId: 'alice',
      calleeId: 'bob',
      mediaType: 'audio',
      deadline: new Date(clock.now().getTime() + 45_000).toISOString(),
    }
    expect(service.messagesOf(laptop)).toEqual([message])
    expect(service.messagesOf(desktop)).toEqual([message])
    for (const { headers } of service.received) {
      expect(headers).toMatchObject({
        ttl: '45',
        urgency: 'high',
        topic: callId.replaceAll('-', ''),
        'content-encoding': 'aes128gcm',
        'content-type': 'application/octet-stream',
      })
      const [, token = '', key = ''] = /^vapid t=([^,]+), k=(\S+)$/.exec(headers.authorization ?? '') ?? []
      expect(key).toBe(VAPID.publicKey)
      const point = Buffer.from(key, 'base64url')
      const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
      const jwk = { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' }
      const options = { audience: service.origin, currentDate: clock.now(), algorithms: ['ES256'] }
      const { payload } = await jwtVerify(token, createPublicKey({ format: 'jwk', key: jwk }), options)
      expect(payload.sub).toBe(VAPID.subject)
      expect(payload.exp).toBeLessThanOrEqual(clock.now().getTime() / 1000 + 86_400)
    }
  })

  test.each([
    ['answered', '300', (id: string) => world.bob.rest('POST', `/rooms/${id}/join`, { deviceId: 'phone' })],
    ['rejected', '300', (id: string) => world.bob.rest('POST', `/rooms/${id}/reject`)],
    ['cancelled', '86400', (id: string) => world.alice.rest('POST', `/rooms/${id}/leave`)],
    ['missed', '86400', async () => clock.advance(46)],
  ])('that was %s replaces the ring', async (outcome, ttl, finish) => {
    const browser = service.browser()
    await register(world.bob, browser)
    const callId = await call()
    await service.until(() => service.received.length === 1)
    await finish(callId)
    await service.until(() => service.received.length === 2)
    const [ring, end] = service.messagesOf(browser)
    expect(end).toEqual({ ...ring, type: outcome })
    expect(service.received[1]?.headers).toMatchObject({ topic: callId.replaceAll('-', ''), ttl })
  })

  test('of a group is pushed to each member, and its end to whom it still rings for', async () => {
    const [bobs, carols] = [service.browser(), service.browser()]
    await register(world.bob, bobs)
    await register(world.carol, carols)
    const { body } = await world.alice.rest('POST', '/rooms', {
      type: 'group',
      participantIds: ['bob', 'carol'],
      name: 'T'.repeat(200),
    })
    await service.until(() => service.received.length === 2)
    await world.bob.rest('POST', `/rooms/${body.id}/join`)
    await service.until(() => service.received.length === 3)
    await world.alice.rest('POST', `/rooms/${body.id}/end`)
    await service.until(() => service.received.length === 4)
    expect(typesFor(bobs)).toEqual(['ringing', 'answered'])
    expect(typesFor(carols)).toEqual(['ringing', 'cancelled'])
    expect(service.messagesOf(carols)[0]).toMatchObject({ roomType: 'group', roomName: 'T'.repeat(200) })
  })

  test('of a blocked caller is not pushed', async () => {
    const [bobs, carols] = [service.browser(), service.browser()]
    await register(world.bob, bobs)
    await register(world.carol, carols)
    await world.bob.rest('PUT', '/blocked-users/alice')
    await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    await service.until(() => service.received.length === 1)
    expect(typesFor(carols)).toEqual(['ringing'])
    expect(typesFor(bobs)).toEqual([])
  })
})

describe('a push service that', () => {
  test.each([404, 410])('answers %i ends the subscription', async (status) => {
    const [gone, other] = [service.browser(), service.browser()]
    await register(world.bob, gone)
    const { id } = await register(world.bob, other)
    reply = (path) => ({ status: path === pathOf(gone) ? status : 201 })
    const callId = await call()
    await service.until(() => service.received.length === 2)
    await world.alice.rest('POST', `/rooms/${callId}/leave`)
    await service.until(() => typesFor(other).length === 2)
    expect(await idsOf(world.bob)).toEqual([id])
    expect(service.received).toHaveLength(3)
  })

  test.each([429, 500, 503])('answers %i gets the message again, and only it', async (status) => {
    const [slow, other] = [service.browser(), service.browser()]
    for (const browser of [slow, other]) await register(world.bob, browser)
    let failures = 2
    reply = (path) => ({ status: path === pathOf(slow) && failures-- > 0 ? status : 201 })
    await call()
    await advanceUntil(() => typesFor(slow).length === 1)
    expect(typesFor(other)).toEqual(['ringing'])
    expect(service.received.filter(({ path }) => path === pathOf(slow)).map((push) => push.status)).toEqual([
      status,
      status,
      201,
    ])
  })

  test('fails does not get a ring that has ended, but its end', async () => {
    const browser = service.browser()
    await register(world.bob, browser)
    reply = () => ({ status: 503, headers: { 'retry-after': '3600' } })
    const callId = await call()
    await service.until(() => service.received.length === 1)
    await world.bob.rest('POST', `/rooms/${callId}/reject`)
    reply = () => ({ status: 201 })
    await advanceUntil(() => service.received.length === 2)
    expect(typesFor(browser)).toEqual(['rejected'])
  })

  test('refuses a message for good does not get it again', async () => {
    const browser = service.browser()
    const { id } = await register(world.bob, browser)
    reply = () => ({ status: 403 })
    const callId = await call()
    await service.until(() => service.received.length === 1)
    reply = () => ({ status: 201 })
    await world.bob.rest('POST', `/rooms/${callId}/reject`)
    await service.until(() => service.received.length === 2)
    expect(typesFor(browser)).toEqual(['rejected'])
    expect(await idsOf(world.bob)).toEqual([id])
  })

  test('does not answer delays neither other browsers nor, for long, the end', async () => {
    const [silent, other] = [service.browser(), service.browser()]
    for (const browser of [silent, other]) await register(world.bob, browser)
    reply = (path) => (path === pathOf(silent) ? 'silence' : { status: 201 })
    const callId = await call()
    await service.until(() => typesFor(other).length === 1)
    await world.bob.rest('POST', `/rooms/${callId}/reject`)
    await advanceUntil(() => typesFor(other).length === 2)
    expect(typesFor(other)).toEqual(['ringing', 'rejected'])
  })

  test.each<[string, (browser: Browser) => Promise<unknown>]>([
    [
      'was unregistered',
      ({ subscription: { endpoint } }) => data(world.bob.graphql(UNREGISTER, { input: { endpoint } })),
    ],
    ['became that of another user', (browser) => register(world.carol, browser)],
  ])('fails does not get the message again for a browser that %s meanwhile', async (_, change) => {
    const [moved, other] = [service.browser(), service.browser()]
    for (const browser of [moved, other]) await register(world.bob, browser)
    reply = () => ({ status: 503 })
    const callId = await call()
    await service.until(() => service.received.length === 2)
    await change(moved)
    reply = () => ({ status: 201 })
    await advanceUntil(() => typesFor(other).length === 1)
    await world.bob.rest('POST', `/rooms/${callId}/reject`)
    await service.until(() => typesFor(other).length === 2)
    expect(service.received.filter(({ path }) => path === pathOf(moved)).map(({ status }) => status)).toEqual([503])
  })

  test('redirects is not followed', async () => {
    const [browser, other] = [service.browser(), service.browser()]
    await register(world.bob, browser)
    reply = () => ({ status: 307, headers: { location: other.subscription.endpoint } })
    const callId = await call()
    await service.until(() => service.received.length === 1)
    await world.bob.rest('POST', `/rooms/${callId}/reject`)
    await service.until(() => service.received.length === 2)
    expect(service.received.map(({ path }) => path)).toEqual([pathOf(browser), pathOf(browser)])
  })
})

describe('a subscription', () => {
  test('can be registered, listed and deleted over GraphQL and REST', async () => {
    const { bob } = world
    const [first, second] = [service.browser(), service.browser()]
    const registered = await register(bob, first, { deviceId: 'laptop' })
    expect(registered).toMatchObject({ kind: 'BROWSER', service: service.origin, deviceId: 'laptop' })
    const posted = await bob.rest('POST', '/push/subscriptions', second.subscription)
    expect(posted).toMatchObject({ status: 200, body: { kind: 'browser', service: service.origin, deviceId: null } })
    expect((await bob.rest('GET', '/push/subscriptions')).body).toEqual([
      { ...registered, kind: 'browser' },
      posted.body,
    ])
    expect(JSON.stringify((await bob.rest('GET', '/push/subscriptions')).body)).not.toContain('/browser/')
    expect((await bob.rest('GET', '/push/public-key')).body).toEqual({ publicKey: VAPID.publicKey })
    expect((await data(bob.graphql(LIST))).webPushPublicKey).toBe(VAPID.publicKey)

    // Repeated with other keys: the same subscription.
    const again = { ...createBrowser(first.subscription.endpoint).subscription, deviceId: 'desktop' }
    expect((await bob.rest('POST', '/push/subscriptions', again)).body).toMatchObject({
      id: registered.id,
      deviceId: 'desktop',
    })

    const byEndpoint = { input: { endpoint: first.subscription.endpoint } }
    expect((await data(bob.graphql(UNREGISTER, byEndpoint))).unregisterPushSubscription.id).toBe(registered.id)
    expect((await data(bob.graphql(UNREGISTER, byEndpoint))).unregisterPushSubscription.id).toBeNull()
    const deletion = await bob.rest('DELETE', `/push/subscriptions/${posted.body.id}`)
    expect(deletion).toMatchObject({ status: 200, body: { id: posted.body.id } })
    expect(await idsOf(bob)).toEqual([])
  })

  test('belongs to the user who registered it last, and nobody else can delete it', async () => {
    const browser = service.browser()
    const { id } = await register(world.bob, browser)
    for (const input of [{ id }, { endpoint: browser.subscription.endpoint }]) {
      expect((await data(world.carol.graphql(UNREGISTER, { input }))).unregisterPushSubscription.id).toBeNull()
    }
    expect(await idsOf(world.bob)).toEqual([id])
    await register(world.carol, browser)
    expect(await idsOf(world.bob)).toEqual([])
    expect(await idsOf(world.carol)).toEqual([id])
  })

  test('replaces the one that was unused for the longest time when there are 20', async () => {
    const ids: string[] = []
    for (let nth = 0; nth < 20; nth += 1) {
      clock.advance(60)
      ids.push((await register(world.bob, service.browser())).id)
    }
    expect(await idsOf(world.bob)).toEqual(ids)
    clock.advance(60)
    const last = await register(world.bob, service.browser())
    expect(await idsOf(world.bob)).toEqual([...ids.slice(1), last.id])
  })

  test('is deleted after 90 days without use', async () => {
    const store = createPushStore(world.app)
    const [used, unused] = [service.browser(), service.browser()]
    const { id } = await register(world.bob, used)
    await register(world.bob, unused)
    clock.advance(2 * 86_400)
    reply = (path) => ({ status: path === pathOf(used) ? 201 : 403 })
    const [alice, bob] = [await world.person('alice', { ttl: 86_400 }), await world.person('bob', { ttl: 86_400 })]
    await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    const usedAt = async () =>
      (await bob.rest('GET', '/push/subscriptions')).body.find((one: { id: string }) => one.id === id).usedAt
    await expect.poll(usedAt).toBe(clock.now().toISOString())
    await store.purge(new Date(clock.now().getTime() + 89 * 86_400_000))
    expect(await idsOf(bob)).toEqual([id])
    await store.purge(new Date(clock.now().getTime() + 91 * 86_400_000))
    expect(await idsOf(bob)).toEqual([])
  })

  test.each<[string, object, string]>([
    ['plain http', { endpoint: 'http://127.0.0.1/' }, 'endpoint'],
    ['an unknown push service', { endpoint: 'https://push.example.com/1' }, 'endpoint'],
    ['a text', { endpoint: 'fcm' }, 'endpoint'],
    ['a short public key', { keys: { p256dh: 'BAAA', auth: 'A'.repeat(22) } }, 'keys.p256dh'],
    [
      'a point that is not on the curve',
      { keys: { p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: 'A'.repeat(22) } },
      'keys.p256dh',
    ],
    ['a short secret', { keys: { p256dh: VAPID.publicKey, auth: 'AAAA' } }, 'keys.auth'],
    ['a secret that is not base64url', { keys: { p256dh: VAPID.publicKey, auth: '!'.repeat(22) } }, 'keys.auth'],
    ['an empty device', { deviceId: '' }, 'deviceId'],
  ])('with %s is refused', async (_, wrong, path) => {
    const input = { ...service.browser().subscription, ...wrong }
    const { errors } = (await world.bob.graphql(REGISTER, { input })).body
    expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ path }] })
    expect((await world.bob.rest('POST', '/push/subscriptions', input)).body.code).toBe('BAD_USER_INPUT')
  })

  test.each([{}, { id: 'x' }, { id: '', endpoint: 'https://a' }])('cannot be deleted by %j', async (input) => {
    expect(await codeOf(world.bob.graphql(UNREGISTER, { input }))).toBe('BAD_USER_INPUT')
  })
})

test('nothing is sent to a push service that PUSH_HOSTS no longer lists', async () => {
  const outcomes: string[] = []
  const observer: Observer = { push: ({ outcome }) => outcomes.push(outcome) }
  await withWorld(
    async ({ alice, bob, app }) => {
      await register(bob, createBrowser('https://push.example.com/1'))
      await app.prisma.pushSubscription.updateMany({ data: { endpoint: 'https://removed.invalid/1' } })
      const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      await expect.poll(() => outcomes).toEqual(['refused'])
      expect((await alice.rest('GET', `/rooms/${body.id}`)).body).toMatchObject({ reach: 'none' })
      expect(await idsOf(bob)).toHaveLength(1)
    },
    { env: { ...VAPID_ENV, PUSH_HOSTS: 'push.example.com' }, dependencies: { observer } },
  )
})

test('without keys Web Push is off, and registering says so', async () => {
  const off = await startWorld()
  try {
    expect((await data(off.bob.graphql(LIST))).webPushPublicKey).toBeNull()
    const { subscription } = createBrowser('https://fcm.googleapis.com/fcm/send/1')
    expect(await codeOf(off.bob.graphql(REGISTER, { input: subscription }))).toBe('PROVIDER_NOT_CONFIGURED')
    expect((await off.bob.rest('POST', '/push/subscriptions', subscription)).status).toBe(422)
    expect(off.app.deliveries.states()).toEqual([])
  } finally {
    await off.close()
  }
})

test('the SDK registers a browser, and deletes its subscription', async () => {
  const { url } = world
  const client = new OpenChatClient({ server: { baseUrl: url }, auth: { uid: 'bob', token: world.bob.token } })
  const { rtc } = client
  try {
    expect(await rtc.webPushPublicKey()).toBe(VAPID.publicKey)
    const { subscription } = service.browser()
    const id = await rtc.registerPushSubscription({ toJSON: () => subscription }, { deviceId: 'laptop' })
    expect(await rtc.registerPushSubscription(subscription)).toBe(id)
    expect(await idsOf(world.bob)).toEqual([id])
    await rtc.unregisterPushSubscription({ endpoint: subscription.endpoint })
    expect(await idsOf(world.bob)).toEqual([])
    await expect(rtc.registerPushSubscription({ endpoint: subscription.endpoint })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      problems: [{ path: 'subscription' }],
    })
    await expect(rtc.registerPushApp({ appId: 'a', pushkey: 'b' })).rejects.toMatchObject({
      code: 'PROVIDER_NOT_CONFIGURED',
    })
  } finally {
    await client.destroy()
  }
})

test('a subscription is exported and erased with the data of its user', async () => {
  const admin = await world.person('operator', { scopes: ['rtc:admin'] })
  const browser = service.browser()
  const { id } = await register(world.bob, browser, { deviceId: 'laptop' })
  await register(world.carol, service.browser())
  const exported = (await data(admin.graphql('{ exportUser(userId: "bob") }'))).exportUser.data.pushSubscriptions
  expect(exported).toMatchObject([{ id, deviceId: 'laptop', endpoint: browser.subscription.endpoint }])
  expect(JSON.stringify(exported)).not.toContain(browser.subscription.keys.auth)
  await data(admin.graphql('mutation { eraseUser(input: { userId: "bob" }) { done } }'))
  await expect.poll(() => idsOf(world.bob)).toEqual([])
  expect(await idsOf(world.carol)).toHaveLength(1)
})
