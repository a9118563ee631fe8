import { expect, test } from 'vitest'
import { type Door, graphqlDoor, type Outcome, restDoor } from './doors.ts'
import { manualClock, type Person, type World, withWorld } from './world.ts'

interface People {
  alice: Person
  bob: Person
  carol: Person
  root: Person
}
type Scenario = (door: Door, people: People) => AsyncGenerator<Outcome>

const P2P = { type: 'p2p', calleeId: 'bob' }
/** Start time of every scenario, so that its times are equal for REST and GraphQL. */
const START = new Date('2030-01-01T00:00:00.900Z')
/** Configures a TURN server, so that a connection contains credentials. */
const env = { TURN_URLS: 'turn:turn.example:3478', TURN_SECRET: 'the secret of the TURN server' }
const UNKNOWN = '01900000-0000-7000-8000-000000000000'

/** Sequences of valid and invalid requests; each runs over REST and over GraphQL. */
const scenarios: Record<string, Scenario> = {
  async *'a call that is completed'(door, { alice, bob }) {
    const created = yield* record(door.create(alice, { ...P2P, metadata: { topic: ['a', 1] }, name: 'Call' }))
    yield* record(door.join(alice, created.room.id))
    yield* record(door.join(bob, created.room.id, { deviceId: 'phone', video: false }))
    yield* record(door.join(bob, created.room.id, { deviceId: 'phone' }))
    yield* record(door.join(bob, created.room.id, { deviceId: 'tablet' }))
    // This device was replaced.
    yield* record(door.leave(bob, created.room.id, { deviceId: 'phone' }))
    yield* record(door.leave(bob, created.room.id))
    yield* record(door.leave(alice, created.room.id))
    yield* record(door.end(bob, created.room.id))
    yield* record(door.join(bob, created.room.id))
  },
  async *'a call with session ids'(door, { alice, bob }) {
    const created = yield* record(door.create(alice, P2P))
    const { id } = created.room
    yield* record(door.join(alice, id, { sessionId: 's-1' }))
    yield* record(door.join(alice, id, { sessionId: 's-1', video: false }))
    yield* record(door.join(alice, id, { sessionId: 's-2', video: false }))
    yield* record(door.join(bob, id))
    // Another session holds the seat.
    yield* record(door.leave(alice, id, { sessionId: 's-1' }))
    yield* record(door.leave(bob, id, { sessionId: 's-1' }))
    yield* record(door.leave(bob, id, { sessionId: '' }))
    yield* record(door.join(bob, id, { sessionId: 's'.repeat(129) }))
    yield* record(door.leave(alice, id, { sessionId: 's-2' }))
    yield* record(door.leave(alice, id, { sessionId: 's-2' }))
  },
  async *'a call whose page is reloaded and then closed'(door, { alice, bob }) {
    const created = yield* record(door.create(alice, P2P))
    const { id } = created.room
    yield* record(door.join(alice, id, { deviceId: 'tab', expectStream: true }))
    yield* record(door.join(bob, id, { expectStream: null }))
    yield* record(door.leave(alice, id, { deviceId: 'tab', after: 5 }))
    yield* record(door.leave(alice, id, { deviceId: 'tab', after: 9 }))
    yield* record(door.join(alice, id, { deviceId: 'tab', sessionId: 's-2', expectStream: true }))
    yield* record(door.leave(alice, id, { sessionId: 's-2', after: 61 }))
    yield* record(door.join(bob, id, { expectStream: 'yes' }))
    yield* record(door.leave(alice, id, { sessionId: 's-2', after: 5 }))
    yield* record(door.join(alice, id, { deviceId: 'phone' }))
    yield* record(door.leave(alice, id))
  },
  async *'a call that is cancelled'(door, { alice }) {
    const created = yield* record(door.create(alice, P2P))
    yield* record(door.end(alice, created.room.id))
  },
  async *'a call that is repeated while it rings'(door, { alice, bob }) {
    const first = yield* record(door.create(alice, { ...P2P, metadata: { topic: 'a' } }))
    yield* record(door.create(alice, { ...P2P, metadata: { topic: 'a' } }))
    yield* record(door.create(alice, { ...P2P, metadata: { topic: 'b' } }))
    yield* record(door.get(bob, first.room.id))
    yield* record(door.create(bob, { type: 'p2p', calleeId: 'alice' }))
  },
  async *'a group with access by link'(door, { alice, bob, carol }) {
    const created = yield* record(door.create(alice, { type: 'group', access: 'link', maxParticipants: 2 }))
    yield* record(door.join(bob, created.room.id))
    yield* record(door.join(alice, created.room.id))
    yield* record(door.join(carol, created.room.id))
    yield* record(door.end(bob, created.room.id))
    yield* record(door.leave(bob, created.room.id))
    yield* record(door.end(alice, created.room.id))
  },
  async *'a call that is rejected as busy'(door, { alice, bob }) {
    const created = yield* record(door.create(alice, P2P))
    yield* record(door.reject(alice, created.room.id))
    yield* record(door.reject(bob, created.room.id, { reason: 'busy' }))
    yield* record(door.reject(bob, created.room.id))
    yield* record(door.reject(bob, created.room.id, { reason: 'bored' }))
  },
  async *'a group that is managed'(door, { alice, bob, carol }) {
    const created = yield* record(door.create(alice, { type: 'group', participantIds: ['bob'], maxParticipants: 2 }))
    yield* record(door.invite(bob, created.room.id, 'carol'))
    yield* record(door.invite(alice, created.room.id, 'carol'))
    yield* record(door.invite(alice, created.room.id, ''))
    yield* record(door.reject(carol, created.room.id))
    yield* record(door.join(bob, created.room.id))
    yield* record(door.remove(bob, created.room.id, 'carol'))
    yield* record(door.remove(alice, created.room.id, 'bob'))
    yield* record(door.remove(alice, created.room.id, 'nobody'))
    yield* record(door.remove(alice, created.room.id, 'alice'))
    yield* record(door.join(bob, created.room.id))
    yield* record(door.get(bob, created.room.id))
    yield* record(door.end(alice, created.room.id))
    yield* record(door.invite(alice, created.room.id, 'bob'))
  },
  async *'a group whose host is transferred'(door, { alice, bob, carol, root }) {
    const created = yield* record(door.create(alice, { type: 'group', participantIds: ['bob', 'carol'] }))
    const { id } = created.room
    yield* record(door.transferHost(alice, id, 'bob'))
    for (const person of [alice, bob, carol]) yield* record(door.join(person, id))
    yield* record(door.transferHost(bob, id, 'bob'))
    yield* record(door.transferHost(alice, id, 'nobody'))
    yield* record(door.transferHost(alice, id, ''))
    yield* record(door.transferHost(alice, id, 'alice'))
    yield* record(door.transferHost(alice, id, 'bob'))
    yield* record(door.remove(alice, id, 'carol'))
    yield* record(door.remove(bob, id, 'alice'))
    yield* record(door.join(alice, id))
    yield* record(door.invite(bob, id, 'alice'))
    yield* record(door.join(alice, id))
    yield* record(door.end(alice, id))
    yield* record(door.leave(bob, id))
    yield* record(door.end(alice, id))
    yield* record(door.transferHost(root, id, 'alice'))
    yield* record(door.end(carol, id))
    yield* record(door.transferHost(root, id, 'alice'))
    const call = yield* record(door.create(alice, P2P))
    yield* record(door.transferHost(alice, call.room.id, 'bob'))
    yield* record(door.transferHost(root, UNKNOWN, 'bob'))
  },
  async *'strangers and unknown rooms'(door, { alice, carol }) {
    const created = yield* record(door.create(alice, P2P))
    for (const id of [created.room.id, created.room.id.toUpperCase(), UNKNOWN, 'no-uuid', 'a/b', "'; --", 'ü\u0001']) {
      yield* record(door.get(carol, id))
      yield* record(door.join(carol, id))
      yield* record(door.leave(carol, id))
      yield* record(door.end(carol, id))
    }
  },
  async *'connections that are refreshed'(door, { alice, bob, carol, root }) {
    const created = yield* record(door.create(alice, { type: 'group', participantIds: ['bob'] }))
    const { id } = created.room
    yield* record(door.join(alice, id))
    for (const person of [alice, bob, carol, root]) yield* record(door.refresh(person, id))
    yield* record(door.join(bob, id))
    yield* record(door.refresh(bob, id))
    yield* record(door.leave(bob, id))
    yield* record(door.refresh(bob, id))
    yield* record(door.remove(alice, id, 'bob'))
    yield* record(door.refresh(bob, id))
    yield* record(door.end(alice, id))
    for (const person of [alice, bob, carol, root]) yield* record(door.refresh(person, id))
    for (const unknown of [UNKNOWN, 'no-uuid', 'a/b']) yield* record(door.refresh(alice, unknown))
  },
  async *'an administrator'(door, { alice, root }) {
    const created = yield* record(door.create(root, { ...P2P, callerId: 'alice' }))
    yield* record(door.get(root, created.room.id))
    yield* record(door.join(root, created.room.id))
    yield* record(door.end(root, created.room.id))
    yield* record(door.get(alice, created.room.id))
  },
  async *'inputs that fail'(door, { alice }) {
    const inputs = [
      { type: 'p2p' },
      { type: 'p2p', calleeId: 'alice' },
      { type: 'p2p', calleeId: '' },
      { type: 'p2p', calleeId: 'x'.repeat(129) },
      { type: 'p2p', calleeId: 'nul\0' },
      { type: 'p2p', calleeId: 'bob', callerId: 'carol' },
      { type: 'party', calleeId: 'bob' },
      { type: 'p2p', calleeId: 'bob', colour: 'red' },
      { type: 'p2p', calleeId: ['bob', 'carol'] },
      { type: 'p2p', calleeId: 'bob', metadata: { big: 'x'.repeat(9000) } },
      { type: 'p2p', calleeId: 'bob', metadata: ['not', 'an', 'object'] },
      { type: 'p2p', calleeId: 'bob', metadata: { 'nul\0': 1 } },
      { type: 'p2p', calleeId: 'bob', metadata: { lone: '\ud800' } },
      { type: 'p2p', calleeId: 'bob', provider: 'volcengine' },
      { type: 'p2p', calleeId: 'bob', maxParticipants: 3 },
      { type: 'group', maxParticipants: 0 },
      { type: 'group', maxParticipants: 1.5 },
      { type: 'group', maxParticipants: 1, participantIds: ['bob', 'carol'] },
      { type: 'group', participantIds: 'bob carol'.split(' ').map(() => '') },
      { type: 'group', name: '' },
      { type: 'group', name: 7 },
      { type: 'group', calleeId: 'bob' },
      {},
    ]
    for (const input of inputs) yield* record(door.create(alice, input))
  },
  async *'idempotency keys'(door, { alice, bob }) {
    yield* record(door.create(alice, P2P, 'key-1'))
    yield* record(door.create(alice, P2P, 'key-1'))
    yield* record(door.create(alice, { calleeId: 'bob', type: 'p2p' }, 'key-1'))
    yield* record(door.create(alice, { ...P2P, mediaType: 'audio' }, 'key-1'))
    yield* record(door.create(bob, { type: 'p2p', calleeId: 'alice' }, 'key-1'))
    yield* record(door.create(alice, P2P, 'with space'))
    yield* record(door.create(alice, P2P, 'k'.repeat(256)))
  },
}

async function* record(outcome: Promise<Outcome>): AsyncGenerator<Outcome, Outcome> {
  const result = await outcome
  yield result
  return result
}

/** Runs a scenario; returns its outcomes, with the id of each room replaced by its position. */
async function run(door: Door, scenario: Scenario, world: World): Promise<Outcome[]> {
  const people = {
    alice: world.alice,
    bob: world.bob,
    carol: world.carol,
    root: await world.person('root', { scopes: ['rtc:admin'] }),
  }
  const ids: string[] = []
  const outcomes: Outcome[] = []
  const nameOf = (id: string) => `room ${ids.indexOf(id)}`
  for await (const { room, connection, ...outcome } of scenario(door, people)) {
    if (room && !ids.includes(room.id)) ids.push(room.id)
    // A changed column that the commit does not write would be in the response, but not in the database.
    if (room) expect((await door.get(people.root, room.id)).room).toEqual(room)
    outcomes.push({
      ...outcome,
      // A session id that the gateway generates contains the room's id.
      ...(room && { room: JSON.parse(JSON.stringify(room).replaceAll(room.id, nameOf(room.id))) }),
      ...(connection && { connection: { ...connection, roomId: nameOf(connection.roomId) } }),
    })
  }
  return outcomes
}

test.each(Object.entries(scenarios))('REST and GraphQL have the same results: %s', async (_name, scenario) => {
  const results: Outcome[][] = []
  for (const door of [restDoor, graphqlDoor]) {
    await withWorld(async (world) => results.push(await run(door, scenario, world)), {
      dependencies: { clock: manualClock(START) },
      env,
    })
  }
  const [rest = [], graphql = []] = results
  expect(rest.length).toBeGreaterThan(1)
  expect(graphql).toEqual(rest)
  expect(rest.every(({ status }) => status < 500)).toBe(true)
})

test('inputs that fail write nothing', async () => {
  await withWorld(async (world) => {
    for (const door of [restDoor, graphqlDoor]) {
      const outcomes = await run(door, scenarios['inputs that fail'] as Scenario, world)
      expect(outcomes.filter(({ room }) => room)).toEqual([])
    }
    expect(await world.app.prisma.room.count()).toBe(0)
    expect(await world.app.prisma.roomEvent.count()).toBe(0)
  })
})
