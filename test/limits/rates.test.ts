import { afterEach, describe, expect, test } from 'vitest'
import type { ManualClock, Person, World } from '../world.ts'
import { manualClock, startWorld, take } from '../world.ts'

const CREATE = `mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }`
const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { type } }`

type Node = World & { close(): Promise<void> }
const nodes: Node[] = []
async function node(env: Record<string, string>, more: { clock?: ManualClock; databaseUrl?: string } = {}) {
  const started = await startWorld({ env: { RATE_LIMITS: 'on', ...env }, dependencies: more })
  nodes.push(started)
  return started
}
afterEach(async () => {
  for (const started of nodes.splice(0).toReversed()) await started.close()
})

const group = (person: Person) => person.rest('POST', '/rooms', { type: 'group' })
const call = (person: Person, calleeId: string) => person.rest('POST', '/rooms', { type: 'p2p', calleeId })

describe('rates of a user', () => {
  test('count REST and GraphQL together, and both report when to retry', async () => {
    const clock = manualClock()
    const { alice, bob } = await node({ RATE_CREATE: '2/60s' }, { clock })
    expect((await group(alice)).status).toBe(201)
    expect((await alice.graphql(CREATE, { input: { type: 'GROUP' } })).body.data.createRoom.room.id).toBeTruthy()

    const refused = await group(alice)
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED', status: 429 } })
    expect(refused.headers.get('retry-after')).toBe('30')
    const { body } = await alice.graphql(CREATE, { input: { type: 'GROUP' } })
    expect(body.errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 30, http: { status: 429 } })

    expect((await group(bob)).status).toBe(201)
    clock.advance(30)
    expect((await group(alice)).status).toBe(201)
    expect((await group(alice)).status).toBe(429)
  })

  test('refuse a subscription over a WebSocket with the error code', async () => {
    const { alice } = await node({ RATE_SUBSCRIBE: '1/60s' })
    const roomId = (await group(alice)).body.id as string
    expect(await take(alice.subscribe(UPDATES, { roomId }), 1)).toMatchObject([{ data: {} }])
    const [refused] = await take(alice.subscribe(UPDATES, { roomId }), 1).catch((errors: unknown) => [{ errors }])
    expect(refused.errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) })
  })

  test('limit calls in total, and calls to one user', async () => {
    const { alice } = await node({ RATE_RING: '4/60s', RATE_REDIAL: '2/60s' })
    const statuses = []
    for (const callee of ['bob', 'bob', 'bob', 'carol', 'carol']) {
      const { status, body } = await call(alice, callee)
      statuses.push(status)
      if (status === 201) await alice.rest('POST', `/rooms/${body.id}/end`)
    }
    expect(statuses).toEqual([201, 201, 429, 201, 429])
  })

  test('count a declined call five times', async () => {
    const { alice, bob } = await node({ RATE_REDIAL: '10/100s' })
    const callAndDecline = async (): Promise<number> => {
      const { status, body } = await call(alice, 'bob')
      if (status === 201) expect((await bob.rest('POST', `/rooms/${body.id}/reject`)).status).toBe(200)
      return status
    }
    expect([await callAndDecline(), await callAndDecline(), await callAndDecline()]).toEqual([201, 201, 429])
  })

  test('count each invited user and each KiB of metadata', async () => {
    const { alice } = await node({ RATE_INVITE: '5/60s', RATE_METADATA: '8/60s' })
    const room = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['a', 'b', 'c', 'd'] })
    const refused = await alice.graphql(
      `mutation ($input: InviteParticipantsInput!) { inviteParticipants(input: $input) { room { id } } }`,
      { input: { roomId: room.body.id, userIds: ['e', 'f'] } },
    )
    expect(refused.body.errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED' })
    const metadata = { text: 'x'.repeat(5 * 1024) }
    expect((await alice.rest('POST', '/rooms', { type: 'group', metadata })).status).toBe(201)
    expect((await alice.rest('POST', '/rooms', { type: 'group', metadata })).status).toBe(429)
  })

  test('limit joins, signals and requests of all kinds', async () => {
    const { alice, bob } = await node({ RATE_JOIN: '1/60s', RATE_SIGNAL: '1/60s', RATE_COMMAND: '8/60s' })
    const { id } = (await call(alice, 'bob')).body
    for (const person of [alice, bob]) expect((await person.rest('POST', `/rooms/${id}/join`)).status).toBe(200)
    expect((await alice.rest('POST', `/rooms/${id}/join`)).status).toBe(429)
    const signal = () =>
      alice.graphql(`mutation ($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }`, {
        input: { roomId: id, toId: 'bob', type: 'OFFER', payload: {} },
      })
    expect((await signal()).body.data).toBeTruthy()
    expect((await signal()).body.errors[0].extensions.code).toBe('RATE_LIMITED')
    const reads = []
    for (let read = 0; read < 4; read += 1) reads.push((await alice.rest('GET', `/rooms/${id}`)).status)
    expect(reads).toEqual([200, 200, 200, 429])
  })

  test('do not limit an application, but its actions on behalf of a user', async () => {
    const { person, alice } = await node({ RATE_CREATE: '1/60s', RATE_COMMAND: '2/60s' })
    const backend = await person('backend', { scopes: ['rtc:admin'] })
    const create = (callerId: string) => backend.rest('POST', '/rooms', { type: 'group', callerId })
    expect([(await create('alice')).status, (await create('bob')).status]).toEqual([201, 201])
    expect([(await create('alice')).status, (await create('carol')).status]).toEqual([429, 201])
    expect((await group(alice)).status).toBe(429)
    // A refused attempt to act on behalf of dave does not count against dave's rate.
    await alice.rest('POST', '/rooms', { type: 'group', callerId: 'dave' })
    expect((await create('dave')).status).toBe(201)
  })

  test('do not apply to health checks, nor with RATE_LIMITS=off', async () => {
    const { alice, url } = await node({ RATE_COMMAND: '1/60s', RATE_CREATE: '1/60s', RATE_LIMITS: 'off' })
    expect([(await group(alice)).status, (await group(alice)).status]).toEqual([201, 201])
    const limited = await node({ RATE_COMMAND: '1/60s' })
    await limited.alice.rest('GET', '/rooms')
    for (const path of ['/health/live', '/health/ready', '/health/ready']) {
      expect((await fetch(limited.url + path)).status).toBe(200)
    }
    expect(url).not.toBe(limited.url)
  })

  test('count over all nodes', async () => {
    const env = { RATE_CREATE: '10/600s' }
    const here = await node(env)
    const there = await node(env, { databaseUrl: here.databaseUrl })
    for (let made = 0; made < 10; made += 1) expect((await group(here.alice)).status).toBe(201)
    await expect.poll(async () => (await group(there.alice)).status, { timeout: 10_000 }).toBe(429)
  })
})
