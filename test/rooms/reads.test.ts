import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { createRoomStore } from '../../src/rooms/store.ts'
import { manualClock, type Person, startWorld, withWorld } from '../world.ts'

let statements: string[] = []
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
})
afterAll(() => world.close())

/** Number of SQL statements that a request takes. */
async function statementsOf(answer: () => Promise<{ status: number }>): Promise<number> {
  statements = []
  expect((await answer()).status).toBe(200)
  return statements.length
}

const PAGE = `query ($first: Int) { rooms(first: $first) { edges { node {
  id status participants { userId state } events(first: 3) { seq type }
} } pageInfo { hasNextPage endCursor } } }`

async function fill(person: Person, rooms: number): Promise<string> {
  const answers = await Promise.all(
    Array.from({ length: rooms }, () =>
      person.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] }),
    ),
  )
  return answers[0]?.body.id
}

test('a room with its participants takes one statement in REST and in GraphQL, whatever their number', async () => {
  const id = await fill(world.alice, 1)
  expect(await statementsOf(() => world.bob.rest('GET', `/rooms/${id}`))).toBe(1)
  expect(await statementsOf(() => world.bob.rest('GET', `/rooms/${id}/participants`))).toBe(1)
  expect(await statementsOf(() => world.bob.graphql(`{ room(id: "${id}") { id participants { userId } } }`))).toBe(1)
})

test('a page of participants takes one statement, which reads no others', async () => {
  const guests = Array.from({ length: 90 }, (_, n) => `guest-${n}`)
  const { body } = await world.alice.rest('POST', '/rooms', {
    type: 'group',
    maxParticipants: 200,
    participantIds: guests,
  })
  const path = `/rooms/${body.id}/participants?first=3&state=invited`
  expect(await statementsOf(() => world.alice.rest('GET', path))).toBe(1)
  const query = { roomId: body.id, first: 3, after: 5, state: null }
  const page = await createRoomStore(world.app).loadPageFor('alice', query)
  expect(page?.participants.map(({ ordinal }) => ordinal)).toEqual([6, 7, 8, 9])
  expect(page?.me?.userId).toBe('alice')
})

test('a page of participants is refused to whom the room is', async () => {
  const id = await fill(world.alice, 1)
  await world.alice.rest('DELETE', `/rooms/${id}/participants/carol`)
  const statusOf = async (person: Person, roomId = id) =>
    (await person.rest('GET', `/rooms/${roomId}/participants?first=1`)).status
  expect(await statusOf(world.bob)).toBe(200)
  expect(await statusOf(world.bob, id.toUpperCase())).toBe(200)
  expect(await statusOf(world.carol)).toBe(403)
  expect(await statusOf(await world.person('mallory'))).toBe(403)
  expect(await statusOf(await world.person('root', { scopes: ['rtc:admin'] }))).toBe(200)
  for (const unknown of ['no-room', '0193e000-0000-7000-9000-000000000000']) {
    expect(await statusOf(world.bob, unknown)).toBe(404)
  }
})

test('a room with the own participant row and a page of the others takes two statements', async () => {
  const id = await fill(world.alice, 1)
  expect(await statementsOf(() => world.bob.graphql(`{ room(id: "${id}") { id me { userId } } }`))).toBe(1)
  const paged = `{ room(id: "${id}") { me { userId } participantsPage(first: 1) { edges { node { userId } } } } }`
  expect(await statementsOf(() => world.bob.graphql(paged))).toBe(2)
  expect((await world.bob.graphql(paged)).body.data.room).toEqual({
    me: { userId: 'bob' },
    participantsPage: { edges: [{ node: { userId: 'alice' } }] },
  })
})

test('a page of rooms takes one statement with its participants and one more for the events, whatever its length', async () => {
  const dave = await world.person('dave')
  await fill(dave, 2)
  expect(await statementsOf(() => dave.graphql(PAGE, { first: 2 }))).toBe(2)
  await fill(dave, 30)
  expect(await statementsOf(() => dave.graphql(PAGE, { first: 30 }))).toBe(2)
  const withFragments = `{ rooms(first: 30) { ... on RoomConnection { edges { ...Edge } } } }
    fragment Edge on RoomEdge { room: node { people: participants { userId } } }`
  expect(await statementsOf(() => dave.graphql(withFragments))).toBe(1)
  expect(await statementsOf(() => dave.graphql('{ rooms(first: 30) { edges { node { id } } } }'))).toBe(1)
})

test('a page of rooms has the same participants, in one statement or in several', async () => {
  const ivan = await world.person('ivan')
  const guests = (room: number, count: number) => Array.from({ length: count }, (_, n) => `guest-${room}-${n}`)
  const invite = (room: number, count: number) =>
    ivan.rest('POST', '/rooms', { type: 'group', maxParticipants: 200, participantIds: guests(room, count) })
  const page = async (args: string): Promise<string[][]> => {
    const { body } = await ivan.graphql(`{ rooms(${args}) { edges { node { participants { userId } } } } }`)
    return body.data.rooms.edges.map(({ node }: { node: { participants: { userId: string }[] } }) =>
      node.participants.map(({ userId }) => userId),
    )
  }
  for (let room = 0; room < 11; room += 1) expect((await invite(room, 95)).status).toBe(201)
  const expected = Array.from({ length: 11 }, (_, room) => ['ivan', ...guests(10 - room, 95)])
  statements = []
  expect(await page('first: 10')).toEqual(expected.slice(0, 10))
  expect(await page('last: 4')).toEqual(expected.slice(7))
  expect(statements.length).toBeGreaterThan(2)
  statements = []
  expect(await page('first: 9')).toEqual(expected.slice(0, 9))
  expect(await page('last: 3')).toEqual(expected.slice(8))
  expect(statements).toHaveLength(2)
})

test('a command on a cached room takes one statement, on any other room two', async () => {
  const id = await fill(world.alice, 1)
  expect(await statementsOf(() => world.bob.rest('POST', `/rooms/${id}/join`))).toBe(1)
  await withWorld(
    async (other) => {
      statements = []
      expect((await other.carol.rest('POST', `/rooms/${id}/join`)).status).toBe(200)
      expect(statements.filter((sql) => sql.includes('"Room"'))).toHaveLength(2)
    },
    { dependencies: { databaseUrl: world.databaseUrl, onStatement: (sql) => statements.push(sql) } },
  )
})

/** The recorded statements that update rooms. */
const commits = () => statements.filter((sql) => sql.includes('UPDATE "Room" room SET "status"'))
const user = (index: number) => ({ id: `guest-${index}`, scopes: new Set<string>() })

test('queued commands on the same room share one statement', async () => {
  const { app } = world
  const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', access: 'link', maxParticipants: 60 })
  statements = []
  const joins = Array.from({ length: 50 }, (_, index) => app.rooms.join(user(index), body.id, JoinRoom.parse({})))
  const rooms = (await Promise.all(joins)).map(({ room }) => room)
  expect(rooms.map(({ seq }) => seq)).toEqual(rooms.map((_, index) => (rooms[0]?.seq ?? 0) + index + Number(index > 0)))
  expect(commits().length).toBeLessThanOrEqual(3)
})

test('queued commits of different rooms share one statement', async () => {
  const { app } = world
  const input = CreateRoom.parse({ type: 'group', access: 'link', maxParticipants: 5 })
  const made = await Promise.all(Array.from({ length: 50 }, (_, index) => app.rooms.create(user(index), input)))
  statements = []
  const joins = made.map(({ room }, index) => app.rooms.join(user(index), room.id, JoinRoom.parse({})))
  const rooms = (await Promise.all(joins)).map(({ room }) => room)
  expect(rooms.map(({ id, seq }) => [id, seq])).toEqual(made.map(({ room }) => [room.id, room.seq + 1]))
  expect(commits().length).toBeLessThanOrEqual(6)
})

test('rooms are paged in both directions without a gap while new rooms are created', async () => {
  const erin = await world.person('erin')
  await fill(erin, 7)
  const page = async (args: string) => {
    const { body } = await erin.graphql(`{ rooms(${args}) { edges { node { id } } pageInfo {
      hasNextPage hasPreviousPage startCursor endCursor } } }`)
    return {
      ids: body.data.rooms.edges.map((edge: { node: { id: string } }) => edge.node.id),
      ...body.data.rooms.pageInfo,
    }
  }
  const all = (await page('first: 100')).ids
  expect(all).toEqual(all.toSorted().toReversed())

  const first = await page('first: 3')
  expect(first).toMatchObject({ ids: all.slice(0, 3), hasNextPage: true, hasPreviousPage: false })
  await fill(erin, 2)
  const second = await page(`first: 4, after: "${first.endCursor}"`)
  expect(second).toMatchObject({ ids: all.slice(3), hasNextPage: false, hasPreviousPage: true })
  const back = await page(`last: 2, before: "${second.startCursor}"`)
  expect(back).toMatchObject({ ids: all.slice(1, 3), hasNextPage: true, hasPreviousPage: true })
})

test('the list of rooms is filtered by status, type, media type and time', async () => {
  const frank = await world.person('frank')
  const create = async (input: object) => (await frank.rest('POST', '/rooms', input)).body
  const call = await create({ type: 'p2p', calleeId: 'grace', mediaType: 'audio' })
  const group = await create({ type: 'group' })
  await frank.rest('POST', `/rooms/${group.id}/end`)
  const find = async (filter: string) => {
    const { body } = await frank.graphql(`{ rooms(filter: { ${filter} }) { edges { node { id } } } }`)
    return body.data.rooms.edges.map((edge: { node: { id: string } }) => edge.node.id)
  }
  expect(await find('status: WAITING')).toEqual([call.id])
  expect(await find('status: ENDED, endReason: CANCELLED')).toEqual([group.id])
  expect(await find('type: P2P')).toEqual([call.id])
  expect(await find('mediaType: VIDEO')).toEqual([group.id])
  expect(await find(`from: "${call.createdAt}", to: "2999-01-01T00:00:00Z"`)).toEqual([group.id, call.id])
  expect(await find(`to: "${call.createdAt}"`)).toEqual([])
})

test('the list of rooms is filtered by peer, by missed calls of a week, and by live rooms', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ app, person }) => {
      const [alice, bob] = [await person('alice', { ttl: 1_000_000 }), await person('bob', { ttl: 1_000_000 })]
      const call = async (calleeId: string) => (await alice.rest('POST', '/rooms', { type: 'p2p', calleeId })).body.id
      const old = await call('bob')
      clock.advance(10 * 86_400)
      const [missed, withCarol] = [await call('bob'), await call('carol')]
      clock.advance(60)
      await expect.poll(() => app.prisma.room.count({ where: { status: 'ended' } })).toBe(3)
      const running = await call('bob')
      for (const user of [alice, bob]) await user.rest('POST', `/rooms/${running}/join`)

      const find = async (query: string) =>
        (await alice.rest('GET', `/rooms?${query}`)).body.rooms.map((room: { id: string }) => room.id)
      const week = new Date(clock.now().getTime() - 7 * 86_400_000).toISOString()
      expect(await find('peer=bob')).toEqual([running, missed, old])
      expect(await find(`status=ended&endReason=missed&from=${week}`)).toEqual([withCarol, missed])
      expect(await find(`peer=bob&to=${week}`)).toEqual([old])
      expect(await find('status=active')).toEqual([running])
      expect(await find('peer=nobody')).toEqual([])
    },
    { dependencies: { clock } },
  )
})

test('the list contains only the rooms of the user, and all rooms for rtc:admin', async () => {
  const grace = await world.person('grace')
  const id = await fill(grace, 1)
  const root = await world.person('root', { scopes: ['rtc:admin'] })
  const listOf = async (person: Person) =>
    (await person.rest('GET', '/rooms?first=1')).body.rooms.map((room: { id: string }) => room.id)
  expect(await listOf(root)).toEqual([id])
  expect(await listOf(await world.person('heidi'))).toEqual([])
})
