import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { openSource, type Source } from '../event-source.ts'
import { type Answer, type Messages, type Person, startWorld, take, type World, withWorld } from '../world.ts'

const CALLS = 'subscription { incomingCall { type room { id reach } } }'
const CREATE = `mutation ($input: CreateRoomInput!) { createRoom(input: $input) {
  replayed reach room { id seq reach participants { userId reach } } } }`
const UPDATES = `subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) {
  seq type actorId participant { userId state reach } room { reach } } }`

let [one, two]: (World & { close(): Promise<void> })[] = []
let statements: string[] = []
beforeAll(async () => {
  one = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
  two = await startWorld({ dependencies: { databaseUrl: one.databaseUrl } })
})
afterAll(async () => {
  await two?.close()
  await one?.close()
})
let open: { close(): unknown }[] = []
afterEach(async () => {
  for (const stream of open) await stream.close()
  open = []
})

const nodes = (): readonly [World, World] => {
  if (!one || !two) throw new Error('the nodes have not started')
  return [one, two]
}
const at = (world: World, id: string): Promise<Person> => world.person(id)
const isWritten = async (userId: string, isConnected = true) => {
  const count = () => nodes()[0].app.prisma.connectedUser.count({ where: { userId } })
  await expect.poll(count).toBe(isConnected ? 1 : 0)
}

/** Connects a device of the user, by WebSocket. */
function connect(person: Person): Messages {
  const calls = person.subscribe(CALLS)
  open.push({ close: () => calls.return?.() })
  return calls
}

/** Connects a device of the user, by server-sent events. */
async function connectBySse(world: World, { token }: Person): Promise<Source> {
  const source = await openSource(`${world.url}/im/api/v1/rtc/calls/events`, { token })
  open.push(source)
  return source
}

async function call(caller: Person, calleeId: string): Promise<Answer['body']> {
  const { body } = await caller.graphql(CREATE, { input: { type: 'P2P', calleeId } })
  expect(body.errors).toBeUndefined()
  return body.data.createRoom
}

const eventsOf = async (person: Person, roomId: string): Promise<Answer['body'][]> =>
  (await person.rest('GET', `/rooms/${roomId}/events?after=0`, undefined, { accept: 'application/json' })).body.events

describe('reach of a call', () => {
  test('is CONNECTED from the creation on if a device is connected at another node', async () => {
    const [here, there] = nodes()
    const [caller, callee] = [await at(here, 'ann'), await at(there, 'ben')]
    const calls = connect(callee)
    await isWritten('ben')
    const { reach, room } = await call(caller, 'ben')
    expect([reach, room.reach, room.seq]).toEqual(['CONNECTED', 'CONNECTED', 1])
    expect(room.participants).toEqual([
      { userId: 'ann', reach: null },
      { userId: 'ben', reach: 'CONNECTED' },
    ])
    const [ringing] = await take(calls, 1)
    expect(ringing.data.incomingCall).toEqual({ type: 'RINGING', room: { id: room.id, reach: 'CONNECTED' } })
    expect((await caller.rest('GET', `/rooms/${room.id}`)).body.reach).toBe('connected')
    expect(await eventsOf(caller, room.id)).toHaveLength(1)
  })

  test('changes in the stream and the log of the caller when a device connects while it rings', async () => {
    const [here, there] = nodes()
    const [caller, callee] = [await at(here, 'cat'), await at(there, 'dan')]
    const { reach, room } = await call(caller, 'dan')
    expect([reach, room.reach]).toEqual(['NONE', 'NONE'])
    const updates = caller.subscribe(UPDATES, { roomId: room.id })
    open.push({ close: () => updates.return?.() })
    await take(updates, 1)

    const calls = await connectBySse(there, callee)
    expect((await calls.next())?.data).toMatchObject({ type: 'ringing', room: { id: room.id } })
    const changed = {
      seq: 2,
      type: 'PARTICIPANT_UPDATED',
      actorId: null,
      participant: { userId: 'dan', state: 'INVITED', reach: 'CONNECTED' },
      room: { reach: 'CONNECTED' },
    }
    const [update] = await take(updates, 1)
    expect(update.data.roomUpdated).toEqual(changed)
    const resumed = caller.subscribe(UPDATES, { roomId: room.id, after: 1 })
    open.push({ close: () => resumed.return?.() })
    expect((await take(resumed, 1))[0].data.roomUpdated).toEqual(changed)

    // Further devices, and those that come back, change nothing.
    const second = await connectBySse(here, await at(here, 'dan'))
    await second.next()
    await callee.rest('POST', `/rooms/${room.id}/reject`)
    const events = await eventsOf(caller, room.id)
    expect(events.map(({ type }) => type)).toEqual([
      'room_created',
      'participant_updated',
      'participant_rejected',
      'room_ended',
    ])
    expect(events[1]).toMatchObject({ participant: { reach: 'connected' }, room: { reach: 'connected' } })
    expect((await caller.rest('GET', `/rooms/${room.id}`)).body).toMatchObject({ status: 'ended', reach: 'connected' })
  })

  test('is NONE again once the last device has disconnected', async () => {
    const [here, there] = nodes()
    const [caller, callee] = [await at(here, 'eva'), await at(there, 'fay')]
    const [first, second] = [await connectBySse(there, callee), await connectBySse(there, callee)]
    await isWritten('fay')
    first.close()
    await expect.poll(() => there.app.connections.figures.eventStreams).toBe(1)
    expect((await call(caller, 'fay')).reach).toBe('CONNECTED')
    second.close()
    await isWritten('fay', false)
    expect((await call(await at(here, 'eve'), 'fay')).reach).toBe('NONE')
  })

  test('does not count the devices of a dead node, whose rows are deleted', async () => {
    const [here] = nodes()
    const nodeId = '01900000-0000-7000-8000-00000000dead'
    const { prisma } = here.app
    await prisma.$executeRaw`
      INSERT INTO "Node" ("id", "startedAt", "seenAt") VALUES (${nodeId}::uuid, now(), now())`
    await prisma.connectedUser.create({ data: { userId: 'gus', nodeId } })
    const caller = await at(here, 'hal')
    expect((await call(caller, 'gus')).reach).toBe('CONNECTED')
    await prisma.$executeRaw`UPDATE "Node" SET "seenAt" = now() - interval '11 s' WHERE "id" = ${nodeId}::uuid`
    expect((await call(await at(here, 'hans'), 'gus')).reach).toBe('NONE')
    await expect.poll(() => prisma.connectedUser.count({ where: { nodeId } }), { timeout: 10_000 }).toBe(0)
  })

  test('is PUSHED when a push service has accepted the ring, until a device connects', async () => {
    const [here, there] = nodes()
    const caller = await at(here, 'ida')
    const { room } = await call(caller, 'jim')
    await there.app.rooms.reached(room.id, 'jim', 'pushed')
    await there.app.rooms.reached(room.id, 'jim', 'pushed')
    await connectBySse(there, await at(there, 'jim'))
    const reaches = async () => (await eventsOf(caller, room.id)).map((event) => event.room.reach)
    await expect.poll(reaches).toEqual(['none', 'pushed', 'connected'])
  })

  test('of a user who has blocked the caller is NONE, though a device is connected', async () => {
    const [here] = nodes()
    const [caller, callee] = [await at(here, 'kim'), await at(here, 'lea')]
    await callee.rest('PUT', '/blocked-users/kim')
    const calls = await connectBySse(here, callee)
    await isWritten('lea')
    const { reach, room } = await call(caller, 'lea')
    expect(reach).toBe('NONE')
    // The ring of another user shows that the blocked one was not received before.
    await call(await at(here, 'mia'), 'lea')
    expect((await calls.next())?.data.room.callerId).toBe('mia')
    expect(await eventsOf(caller, room.id)).toHaveLength(1)
  })

  test('of the invited participants of a group is that of each', async () => {
    const [here] = nodes()
    const host = await at(here, 'ned')
    await connectBySse(here, await at(here, 'ola'))
    const { body } = await host.rest('POST', '/rooms', { type: 'group', participantIds: ['ola'] })
    await host.rest('POST', `/rooms/${body.id}/participants`, { userId: 'pia' })
    expect(body.reach).toBeNull()
    const participants = (await host.rest('GET', `/rooms/${body.id}/participants`)).body
    expect(participants.map(({ reach }: Answer['body']) => reach)).toEqual([null, 'connected', 'none'])
  })
})

test('2000 users who connect at once cost a few statements', async () => {
  const [{ app }] = nodes()
  statements = []
  const streams = Array.from({ length: 2000 }, (_, index) => app.calls.open(`crowd-${index}`))
  open.push(...streams.map((stream) => ({ close: () => stream.return?.() })))
  const written = () => app.prisma.connectedUser.count({ where: { userId: { startsWith: 'crowd-' } } })
  await expect.poll(written).toBe(2000)
  expect(statements.filter((sql) => sql.includes('INSERT INTO "ConnectedUser"')).length).toBeLessThanOrEqual(3)
})

describe('RING_OFFLINE=fail', () => {
  const options = { env: { RING_OFFLINE: 'fail' } }
  const body = { type: 'p2p', calleeId: 'bob' }
  const refused = { status: 409, body: { code: 'CALLEE_OFFLINE' } }

  /** Closes the only stream of incoming calls, and waits until its user is not recorded as connected any more. */
  const disconnect = async (app: App, calls: Source): Promise<void> => {
    const recorded = () => app.prisma.connectedUser.count()
    await expect.poll(recorded).toBe(1)
    calls.close()
    await expect.poll(recorded).toBe(0)
  }

  test('refuses a call to nobody at every door, and creates nothing', () =>
    withWorld(async ({ alice, url, app }) => {
      expect(await alice.rest('POST', '/rooms', body)).toMatchObject(refused)
      const input = { type: 'P2P', calleeId: 'bob' }
      const byPost = await alice.graphql(CREATE, { input })
      expect(byPost.body.errors[0].extensions).toMatchObject({ code: 'CALLEE_OFFLINE', http: { status: 409 } })
      const [byWebSocket] = await take(alice.subscribe(CREATE, { input }), 1)
      expect(byWebSocket.errors[0].extensions.code).toBe('CALLEE_OFFLINE')
      const bySse = await openSource(`${url}/graphql`, {
        token: alice.token,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: CREATE, variables: { input } }),
      })
      expect((await bySse.next())?.data.errors[0].extensions.code).toBe('CALLEE_OFFLINE')
      bySse.close()
      expect(await app.prisma.room.count()).toBe(0)
    }, options))

  test('rings for a callee with a connected device, and keeps the idempotency key for then', () =>
    withWorld(async ({ alice, bob, url, app }) => {
      const key = { 'idempotency-key': 'key-1' }
      expect(await alice.rest('POST', '/rooms', body, key)).toMatchObject(refused)
      const calls = await openSource(`${url}/im/api/v1/rtc/calls/events`, { token: bob.token })
      const created = await alice.rest('POST', '/rooms', body, key)
      expect(created).toMatchObject({ status: 201, body: { reach: 'connected' } })
      await disconnect(app, calls)
      await alice.rest('POST', `/rooms/${created.body.id}/end`)
      const replayed = await alice.rest('POST', '/rooms', body, key)
      expect(replayed).toMatchObject({ status: 200, body: { id: created.body.id, status: 'ended' } })
      const other = await alice.rest('POST', '/rooms', { ...body, mediaType: 'audio' }, key)
      expect(other).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT' } })
    }, options))

  test('neither refuses a call back to the one who calls, nor a repeat of the ringing call', () =>
    withWorld(async ({ alice, bob, url, app }) => {
      const calls = await openSource(`${url}/im/api/v1/rtc/calls/events`, { token: bob.token })
      const first = await alice.rest('POST', '/rooms', body)
      await disconnect(app, calls)
      expect(await alice.rest('POST', '/rooms', body)).toMatchObject({ status: 200, body: { id: first.body.id } })
      const different = await alice.rest('POST', '/rooms', { ...body, mediaType: 'audio' })
      expect(different).toMatchObject(refused)
      const back = await bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'alice' })
      expect(back).toMatchObject({ status: 200, body: { id: first.body.id } })
    }, options))

  test('refuses a blocked caller as it does for an offline callee', () =>
    withWorld(async ({ alice, bob, url }) => {
      const offline = await alice.rest('POST', '/rooms', body)
      await bob.rest('PUT', '/blocked-users/alice')
      const calls = await openSource(`${url}/im/api/v1/rtc/calls/events`, { token: bob.token })
      const blocked = await alice.rest('POST', '/rooms', body)
      expect(blocked).toMatchObject(refused)
      expect({ ...blocked.body, instance: null }).toEqual({ ...offline.body, instance: null })
      calls.close()
    }, options))

  test('does not refuse invitations to groups', () =>
    withWorld(async ({ alice }) => {
      const created = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
      expect(created.status).toBe(201)
      const invited = await alice.rest('POST', `/rooms/${created.body.id}/participants`, { userId: 'carol' })
      expect(invited.status).toBe(200)
    }, options))
})
