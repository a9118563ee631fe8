import { generateKeyPairSync, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, manualClock, type ManualClock, type Person, startWorld } from '../world.ts'
import { type EndpointServer, type Reply, seqsOf, startEndpoint } from './endpoint-server.ts'

const CREATE = `mutation ($input: CreateWebhookEndpointInput!) {
  createWebhookEndpoint(input: $input) { endpoint { id url types enabled createdAt description roomId } secret }
}`
const DELIVERIES = `query ($endpointId: ID!, $status: WebhookDeliveryStatus, $first: Int, $after: String) {
  webhookDeliveries(endpointId: $endpointId, status: $status, first: $first, after: $after) {
    edges { node { id messageId type seq status attempts responseStatus error } }
    pageInfo { hasNextPage endCursor }
  }
}`

/** Seconds: tokens outlive what the clock is advanced by. */
const TTL = 10 * 86_400

type World = Awaited<ReturnType<typeof startWorld>>
let world: World
let admin: Person
let alice: Person
let clock: ManualClock
let endpoint: EndpointServer
let reply: () => Reply

beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ env: { WEBHOOK_ALLOW_PRIVATE: 'true' }, dependencies: { clock } })
  admin = await world.person('application', { scopes: ['rtc:admin'], ttl: TTL })
  alice = await world.person('alice', { ttl: TTL })
  reply = () => ({ status: 204 })
  endpoint = await startEndpoint(() => reply())
})
afterEach(async () => {
  await world.close()
  await endpoint.close()
})

const data = async (answer: Promise<Answer>): Promise<Answer['body']> => {
  const { body } = await answer
  expect(body.errors).toBeUndefined()
  return body.data
}
const codeOf = async (answer: Promise<Answer>): Promise<string> => (await answer).body.errors?.[0].extensions.code
const create = async (input: object = {}): Promise<{ endpoint: Answer['body']; secret: string }> =>
  (await data(admin.graphql(CREATE, { input: { url: endpoint.url, ...input } }))).createWebhookEndpoint
const call = (field: string, selection: string, input: object) =>
  admin.graphql(
    `mutation ($input: ${field[0]?.toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { ${selection} } }`,
    { input },
  )
const deliveriesOf = async (endpointId: string, rest: object = {}): Promise<Answer['body'][]> =>
  (await data(admin.graphql(DELIVERIES, { endpointId, ...rest }))).webhookDeliveries.edges.map(
    ({ node }: { node: unknown }) => node,
  )
const typesOf = (requests = endpoint.accepted) => requests.map(({ message }) => message.type)

/** Alice calls bob, who answers; alice hangs up. */
async function answeredCall(): Promise<string> {
  const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', mediaType: 'audio' })
  await alice.rest('POST', `/rooms/${body.id}/join`)
  await world.bob.rest('POST', `/rooms/${body.id}/join`, { deviceId: 'phone' })
  await alice.rest('POST', `/rooms/${body.id}/end`)
  return body.id
}

const untilEnded = (count = 1) =>
  endpoint.until(() => typesOf().filter((type) => type === 'room.ended').length === count)

describe('an endpoint', () => {
  test('receives all events of a call in order, and who rings, each signed', async () => {
    const { secret } = await create()
    const roomId = await answeredCall()
    await untilEnded()
    expect(typesOf()).toEqual([
      'room.created',
      'call.ringing',
      'participant.joined',
      'participant.joined',
      'call.answered',
      'room.started',
      'room.ended',
    ])
    expect(seqsOf(endpoint, roomId)).toEqual([1, 2, 3, 4, 5])
    const webhook = new Webhook(secret)
    for (const { body, headers, message } of endpoint.accepted) {
      expect(webhook.verify(body, headers as Record<string, string>)).toEqual(message)
      expect(message.data.room).toMatchObject({ id: roomId, seq: message.data.seq, callerId: 'alice' })
      expect(() => webhook.verify(`${body} `, headers as Record<string, string>)).toThrow('No matching signature')
    }
    expect(new Set(endpoint.accepted.map(({ headers }) => headers['webhook-id'])).size).toBe(7)
    const [, ringing, , , answered] = endpoint.accepted.map(({ message }) => message.data.call)
    const deadline = new Date(clock.now().getTime() + 45_000).toISOString()
    const expected = { reach: 'none', callId: roomId, callerId: 'alice', calleeId: 'bob', mediaType: 'audio', deadline }
    expect(ringing).toEqual({ ...expected, deviceId: null })
    expect(answered).toEqual({ ...expected, deviceId: 'phone' })
  })

  test.each([
    ['rejected', (id: string) => world.bob.rest('POST', `/rooms/${id}/reject`)],
    ['cancelled', (id: string) => alice.rest('POST', `/rooms/${id}/leave`)],
    ['missed', async () => clock.advance(46)],
  ])('learns that a call was %s', async (outcome, finish) => {
    await create({ types: ['call.ringing', `call.${outcome}`] })
    const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await alice.rest('POST', `/rooms/${body.id}/join`)
    await finish(body.id)
    await endpoint.until(() => endpoint.accepted.length === 2)
    expect(typesOf()).toEqual(['call.ringing', `call.${outcome}`])
  })

  test('receives only its types and its room', async () => {
    const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    await create({ types: ['room.ended'] })
    const ended = await startEndpoint()
    // Not the types of the room's creation: a transaction that is open in the server would make it receive that, too.
    await create({ url: ended.url, roomId: body.id, types: ['call.cancelled', 'room.ended'] })
    await answeredCall()
    await alice.rest('POST', `/rooms/${body.id}/end`)
    await untilEnded(2)
    await ended.until(() => ended.accepted.length === 2)
    expect(new Set(typesOf())).toEqual(new Set(['room.ended']))
    expect(ended.accepted.map(({ message }) => [message.type, message.data.roomId])).toEqual(
      [
        ['call.cancelled', body.id],
        ['room.ended', body.id],
      ].toSorted((a, b) => (b[0] ?? '').localeCompare(a[0] ?? '')),
    )
    await ended.close()
  })

  test('gets a body below 20 kB, however large the room and its metadata', async () => {
    await create({ types: ['room.created'] })
    const participantIds = Array.from({ length: 400 }, (_, nth) => `${'ü'.repeat(50)}${nth}`)
    const metadata = { text: '\\'.repeat(4_000) }
    const created = await alice.rest('POST', '/rooms', {
      type: 'group',
      participantIds,
      metadata,
      maxParticipants: 1000,
    })
    expect(created.status).toBe(201)
    await endpoint.until(() => endpoint.accepted.length === 1)
    const [{ body, message } = expect.unreachable()] = endpoint.accepted
    expect(Buffer.byteLength(body)).toBeLessThan(20_000)
    expect(message.data).toMatchObject({ participantCount: 401, room: { metadata } })
    expect(message.data.participantIds.length).toBeGreaterThan(10)
  })
})

describe('a failed attempt', () => {
  test('is repeated with the same id and body after the delays of the specification; the last one is a dead letter', async () => {
    reply = () => ({ status: 500 })
    const {
      endpoint: { id },
    } = await create({ types: ['room.created'] })
    await alice.rest('POST', '/rooms', { type: 'group' })
    const delays = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for (const [nth, delay] of delays.entries()) {
      await endpoint.until(() => endpoint.requests.length === nth + 1)
      await expect.poll(() => deliveriesOf(id)).toMatchObject([{ status: 'RETRYING', attempts: nth + 1 }])
      await expect
        .poll(() => world.app.prisma.deliveryBacklog.findFirst({ where: { destinationId: `webhook:${id}` } }))
        .toMatchObject({ attempts: nth + 1 })
      clock.advance(delay * 0.89)
      expect(endpoint.requests.length).toBe(nth + 1)
      clock.advance(delay * 0.22)
    }
    await expect.poll(() => deliveriesOf(id, { status: 'DEAD' })).toMatchObject([{ attempts: 10, responseStatus: 500 }])
    expect(
      new Set(endpoint.requests.map(({ headers, body }) => `${headers['webhook-id']?.toString()} ${body}`)).size,
    ).toBe(1)
    expect(endpoint.requests).toHaveLength(10)
    // The next event is not held back.
    reply = () => ({ status: 200 })
    clock.advance(10)
    await alice.rest('POST', '/rooms', { type: 'group' })
    await endpoint.until(() => endpoint.accepted.length === 1)
  })

  test('waits for Retry-After, and so does every other room', async () => {
    reply = () => ({ status: 429, headers: { 'retry-after': '120' } })
    const {
      endpoint: { id },
    } = await create({ types: ['room.created'] })
    await alice.rest('POST', '/rooms', { type: 'group' })
    await expect.poll(() => deliveriesOf(id)).toMatchObject([{ responseStatus: 429 }])
    await expect.poll(() => world.app.prisma.deliveryBacklog.count({ where: { attempts: 1 } })).toBe(1)
    reply = () => ({ status: 200 })
    await world.bob.rest('POST', '/rooms', { type: 'group' })
    await expect.poll(() => world.app.prisma.deliveryBacklog.count()).toBe(2)
    clock.advance(119)
    expect(endpoint.requests).toHaveLength(1)
    clock.advance(1)
    await endpoint.until(() => endpoint.accepted.length === 2)
  })

  test('by a redirect is not followed', async () => {
    const elsewhere = await startEndpoint()
    reply = () => ({ status: 307, headers: { location: elsewhere.url } })
    const {
      endpoint: { id },
    } = await create({ types: ['room.created'] })
    await alice.rest('POST', '/rooms', { type: 'group' })
    await expect.poll(() => deliveriesOf(id)).toMatchObject([{ status: 'RETRYING', responseStatus: 307 }])
    expect(elsewhere.requests).toEqual([])
    await elsewhere.close()
  })

  test('with 410 disables the endpoint; enabled again, it gets what it missed', async () => {
    reply = () => ({ status: 410 })
    const {
      endpoint: { id },
    } = await create({ types: ['room.created'] })
    await alice.rest('POST', '/rooms', { type: 'group' })
    const list = async () =>
      (await data(admin.graphql('{ webhookEndpoints { id enabled disabledReason } }'))).webhookEndpoints
    await expect.poll(list).toEqual([{ id, enabled: false, disabledReason: 'The endpoint answered 410 Gone.' }])
    await alice.rest('POST', '/rooms', { type: 'group' })
    await expect.poll(() => world.app.deliveries.states(), { timeout: 10_000 }).toEqual([])
    reply = () => ({ status: 200 })
    clock.advance(1)
    await data(call('updateWebhookEndpoint', 'endpoint { enabled disabledReason }', { id, enabled: true }))
    await endpoint.until(() => endpoint.accepted.length === 2)
  }, 30_000)
})

describe('the secret', () => {
  test('can be rotated: for a day both secrets verify, then only the new one', async () => {
    const {
      endpoint: { id },
      secret,
    } = await create({ types: ['room.created'] })
    const rotated = (await data(call('rotateWebhookSecret', 'secret', { id }))).rotateWebhookSecret.secret as string
    expect(rotated).toMatch(/^whsec_/)
    expect(rotated).not.toBe(secret)
    const verifiedBy = async (): Promise<boolean[]> => {
      const before = endpoint.accepted.length
      await alice.rest('POST', '/rooms', { type: 'group' })
      await endpoint.until(() => endpoint.accepted.length > before)
      const { body, headers } = endpoint.accepted.at(-1) ?? expect.unreachable()
      // The clock of the test runs ahead of the verifier's.
      const isValid = (key: string) => {
        const at = new Date(Number(headers['webhook-timestamp']) * 1000)
        const signature = new Webhook(key).sign(headers['webhook-id']?.toString() ?? '', at, body)
        return headers['webhook-signature']?.toString().split(' ').includes(signature) ?? false
      }
      return [isValid(secret), isValid(rotated)]
    }
    await expect.poll(verifiedBy, { timeout: 10_000 }).toEqual([true, true])
    clock.advance(86_401)
    await expect.poll(verifiedBy, { timeout: 10_000 }).toEqual([false, true])
  }, 30_000)

  test('is shown at its creation only', async () => {
    const { secret } = await create()
    const { body } = await admin.graphql('{ webhookEndpoints { id url types description } }')
    expect(JSON.stringify(body)).not.toContain(secret)
    expect(await codeOf(admin.graphql('{ webhookEndpoints { secret } }'))).toBe('BAD_USER_INPUT')
  })
})

describe('messages are sent again', () => {
  test('one by one, with the same id', async () => {
    const {
      endpoint: { id },
    } = await create({ types: ['room.created', 'call.ringing'] })
    await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await endpoint.until(() => endpoint.accepted.length === 2)
    await expect.poll(() => deliveriesOf(id)).toHaveLength(2)
    const ring = (await deliveriesOf(id)).find(({ type }) => type === 'call.ringing')
    await data(call('redeliverWebhook', 'delivery { id }', { id: ring.id }))
    await endpoint.until(() => endpoint.accepted.length === 3)
    expect(endpoint.accepted.at(-1)?.headers['webhook-id']).toBe(ring.messageId)
    expect(typesOf()).toEqual(['room.created', 'call.ringing', 'call.ringing'])
    // A completed replay is deleted.
    await expect.poll(() => world.app.prisma.deliveryDestination.count(), { timeout: 10_000 }).toBe(1)
  }, 30_000)

  test('of a time, in order per room, to an endpoint that did not exist then', async () => {
    const from = clock.now()
    const roomId = await answeredCall()
    clock.advance(60)
    const to = clock.now()
    await answeredCall()
    const {
      endpoint: { id },
    } = await create()
    expect(await data(call('replayWebhooks', 'rooms', { endpointId: id, from, to }))).toEqual({
      replayWebhooks: { rooms: 1 },
    })
    // If a transaction was open in the server when the endpoint was created, it receives the calls beside the replay.
    await endpoint.until(() => seqsOf(endpoint, roomId).includes(5))
    expect([...new Set(seqsOf(endpoint, roomId))]).toEqual([1, 2, 3, 4, 5])
  })
})

describe('mutations', () => {
  test('validate URLs and types', async () => {
    const codes = await Promise.all(
      [
        { url: 'ftp://example.com' },
        { url: 'https://user:password@example.com/' },
        { url: 'nonsense' },
        { url: endpoint.url, types: ['room.exploded'] },
      ].map((input) => codeOf(admin.graphql(CREATE, { input }))),
    )
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'BAD_USER_INPUT'))
  })

  test('change and delete an endpoint', async () => {
    const {
      endpoint: { id },
    } = await create({ description: 'first' })
    const changes = { id, types: ['room.ended'], description: null }
    const changed = await data(call('updateWebhookEndpoint', 'endpoint { types description enabled }', changes))
    expect(changed.updateWebhookEndpoint.endpoint).toEqual({ types: ['room.ended'], description: null, enabled: true })
    expect((await data(call('deleteWebhookEndpoint', 'id', { id }))).deleteWebhookEndpoint).toEqual({ id })
    expect(await codeOf(call('deleteWebhookEndpoint', 'id', { id }))).toBe('NOT_FOUND')
    await answeredCall()
    expect(await world.app.prisma.deliveryDestination.count()).toBe(0)
    expect(endpoint.requests).toEqual([])
  })

  test('require the scope rtc:admin', async () => {
    expect(await codeOf(alice.graphql(CREATE, { input: { url: endpoint.url } }))).toBe('FORBIDDEN')
    expect(await codeOf(alice.graphql('{ webhookEndpoints { id } }'))).toBe('FORBIDDEN')
  })

  test('page the deliveries, newest first', async () => {
    const {
      endpoint: { id },
    } = await create()
    await answeredCall()
    await expect.poll(() => deliveriesOf(id)).toHaveLength(7)
    const first = (await data(admin.graphql(DELIVERIES, { endpointId: id, first: 5 }))).webhookDeliveries
    expect(first.pageInfo.hasNextPage).toBe(true)
    const rest = await deliveriesOf(id, { first: 5, after: first.pageInfo.endCursor })
    expect(rest.map(({ type }) => type)).toEqual(['call.ringing', 'room.created'])
  })
})

test('an endpoint of the configuration that answered 410 stays disabled at every node until it is enabled', async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const env = { WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_URLS: endpoint.url, WEBHOOK_SECRET: secret }
  const here = await startWorld({ env, dependencies: { clock } })
  const dependencies = { clock, databaseUrl: here.databaseUrl }
  let there = await startWorld({ env, dependencies })
  try {
    const operator = await here.person('application', { scopes: ['rtc:admin'], ttl: TTL })
    const list = async () =>
      (await data(operator.graphql('{ webhookEndpoints { id enabled disabledReason configured } }'))).webhookEndpoints
    reply = () => ({ status: 410 })
    await here.alice.rest('POST', '/rooms', { type: 'group' })
    const gone = { enabled: false, disabledReason: 'The endpoint answered 410 Gone.', configured: true }
    await expect.poll(list).toEqual([{ id: expect.stringMatching(/^env-/), ...gone }])
    const id = (await list())[0].id as string
    const states = () => [...here.app.deliveries.states(), ...there.app.deliveries.states()]
    await expect.poll(states, { timeout: 10_000 }).toEqual([])
    // A node that starts does not ask the endpoint again.
    await there.close()
    there = await startWorld({ env, dependencies })

    const update = (input: object) =>
      operator.graphql(
        'mutation ($input: UpdateWebhookEndpointInput!) { updateWebhookEndpoint(input: $input) { endpoint { enabled } } }',
        { input: { id, ...input } },
      )
    expect(await codeOf(update({ description: 'mine' }))).toBe('CONFLICT')
    expect(await codeOf(update({ enabled: true, types: ['room.created'] }))).toBe('CONFLICT')
    reply = () => ({ status: 200 })
    clock.advance(1)
    await data(update({ enabled: true }))
    await expect.poll(list).toMatchObject([{ id, enabled: true, disabledReason: null }])
    await endpoint.until(() => endpoint.accepted.length === 1)
    expect(endpoint.requests).toHaveLength(2)
    await data(update({ enabled: false }))
    await expect.poll(list).toMatchObject([{ enabled: false, disabledReason: 'Disabled by an administrator.' }])
  } finally {
    await there.close()
    await here.close()
  }
}, 40_000)

test('nothing is sent to a host that the configuration no longer lists', async () => {
  const env = { WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_HOSTS: 'hooks.example.com' }
  const restarted = await startWorld({ env, dependencies: { clock } })
  try {
    const { prisma } = restarted.app
    const operator = await restarted.person('application', { scopes: ['rtc:admin'], ttl: TTL })
    const id = '01900000-0000-7000-8000-000000000001'
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
    const now = clock.now()
    const stored = { id, secret, enabled: true, enabledAt: now, createdAt: now }
    await prisma.webhookEndpoint.create({
      data: { ...stored, url: 'https://removed.invalid/', types: ['room.created'] },
    })
    await expect.poll(() => prisma.deliveryDestination.count(), { timeout: 10_000 }).toBe(1)
    await restarted.alice.rest('POST', '/rooms', { type: 'group' })
    const deliveries = async () =>
      (await data(operator.graphql(DELIVERIES, { endpointId: id }))).webhookDeliveries.edges
    const error = 'the URL must have a host that WEBHOOK_HOSTS lists'
    await expect.poll(deliveries, { timeout: 10_000 }).toMatchObject([{ node: { status: 'RETRYING', error } }])
  } finally {
    await restarted.close()
  }
})

test('endpoints of the configuration are signed by WEBHOOK_SECRET, and by ed25519 if a key is configured', async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
  const configured = await startWorld({
    env: {
      WEBHOOK_ALLOW_PRIVATE: 'true',
      WEBHOOK_URLS: endpoint.url,
      WEBHOOK_SECRET: secret,
      WEBHOOK_SIGNING_KEY: `whsk_${seed.toString('base64')}`,
    },
  })
  try {
    await configured.alice.rest('POST', '/rooms', { type: 'group' })
    await endpoint.until(() => endpoint.accepted.length === 1)
    const [{ body, headers } = expect.unreachable()] = endpoint.accepted
    new Webhook(secret).verify(body, headers as Record<string, string>)
    const signatures = headers['webhook-signature']?.toString().split(' ') ?? []
    const ed25519 = signatures.find((signature) => signature.startsWith('v1a,'))?.slice(4) ?? ''
    const content = `${headers['webhook-id']?.toString()}.${headers['webhook-timestamp']?.toString()}.${body}`
    expect(verify(null, Buffer.from(content), publicKey, Buffer.from(ed25519, 'base64'))).toBe(true)
    const operator = await configured.person('application', { scopes: ['rtc:admin'] })
    const { body: listed } = await operator.graphql('{ webhookEndpoints { id configured } }')
    expect(listed.data.webhookEndpoints).toEqual([{ id: expect.stringMatching(/^env-/), configured: true }])
  } finally {
    await configured.close()
  }
})
