import { getNamedType, type GraphQLObjectType, isLeafType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'
import { manualClock, startWorld } from '../world.ts'

/** Reads that load only what is selected show the same as reads that load everything. */

let statements: string[] = []
let world: Awaited<ReturnType<typeof startWorld>>
let live: string
let ended: string
beforeAll(async () => {
  const clock = manualClock()
  world = await startWorld({ dependencies: { clock, onStatement: (sql) => statements.push(sql) } })
  const { alice, bob } = world
  const group = { type: 'group', name: 'Stand-up "daily"', metadata: { a: ['é', 1] }, participantIds: ['bob', 'carol'] }
  live = (await alice.rest('POST', '/rooms', group)).body.id
  for (const person of [alice, bob]) await person.rest('POST', `/rooms/${live}/join`)
  clock.advance(5.25)
  await bob.rest('POST', `/rooms/${live}/leave`)
  ended = (await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })).body.id
  await alice.rest('POST', `/rooms/${ended}/end`)
  clock.advance(61)
  // The sweeper ends the ringing some time after its deadline.
  const carol = { where: { roomId_userId: { roomId: live, userId: 'carol' } } }
  const isMissed = async () => (await world.app.prisma.participant.findUniqueOrThrow(carol)).state === 'missed'
  await vi.waitUntil(isMissed, { timeout: 10_000 })
})
afterAll(() => world.close())

const leavesOf = (typeName: string): readonly string[] =>
  Object.values((schema.getType(typeName) as GraphQLObjectType).getFields())
    .filter(({ type }) => isLeafType(getNamedType(type)))
    .map(({ name }) => name)
const ROOM = leavesOf('Room')
const PARTICIPANT = leavesOf('Participant')

const read = async (selection: string) => {
  const { body } = await world.alice.graphql(
    `{ live: room(id: "${live}") { ${selection} } ended: room(id: "${ended}") { ${selection} }
       rooms { edges { node { ${selection} } } } }`,
  )
  expect(body.errors).toBeUndefined()
  const { rooms, ...byName } = body.data
  return [byName.live, byName.ended, ...rooms.edges.map(({ node }: { node: unknown }) => node)]
}

/** What `pick` finds in everything that can be selected. */
const expected = async (pick: (room: Record<string, unknown>) => unknown) => {
  const all = `${ROOM.join(' ')} participantsPage { totalCount }
    participants { ${PARTICIPANT.join(' ')} } me { ${PARTICIPANT.join(' ')} }`
  return (await read(all)).map(pick)
}
const only = (field: string, row: unknown) => ({ [field]: (row as Record<string, unknown>)[field] })

// First: after it, so many selections are prepared that every further one reads all columns.
test('columns that are not selected are not read', async () => {
  for (const query of [`{ room(id: "${live}") { ROOM } }`, '{ rooms { edges { node { ROOM } } } }']) {
    statements = []
    const { body } = await world.alice.graphql(query.replace('ROOM', 'status participants { role }'))
    expect(body.errors).toBeUndefined()
    expect(statements).toHaveLength(1)
    expect(statements[0]).toContain('json_agg(p."role")')
    expect(statements[0]).not.toContain('json_agg(p."userId")')
    expect(statements[0]).not.toContain('"metadata"')
  }
})

describe('a selection of one field', () => {
  test.each(ROOM)('of a room: %s', async (field) => {
    const rooms = await expected((room) => only(field, room))
    expect(rooms).toHaveLength(4)
    expect(await read(field)).toEqual(rooms)
    const people = (room: Record<string, unknown>) =>
      Array.from(room['participants'] as unknown[], () => ({ __typename: 'Participant' }))
    expect(await read(`${field} participants { __typename }`)).toEqual(
      await expected((room) => ({ ...only(field, room), participants: people(room) })),
    )
  })

  test.each(PARTICIPANT)('of participants: %s', async (field) => {
    const people = (room: Record<string, unknown>) =>
      Array.from(room['participants'] as unknown[], (participant) => only(field, participant))
    expect(await read(`participants { ${field} }`)).toEqual(await expected((room) => ({ participants: people(room) })))
  })

  test.each(PARTICIPANT)('of me, among participants: %s', async (field) => {
    expect(await read(`me { ${field} } participants { role }`)).toEqual(
      await expected((room) => ({
        me: only(field, room['me']),
        participants: Array.from(room['participants'] as unknown[], (participant) => only('role', participant)),
      })),
    )
  })
})

test('fragments, aliases and fields under directives are read', async () => {
  const selection = `... on Room { people: participants { ...P } } me { role } ...R`
  const fragments = `fragment P on Participant { uid } fragment R on Room { participants { state @include(if: true) } hostId }`
  const query = `{ room(id: "${live}") { ${selection} } } ${fragments}`
  const { body } = await world.alice.graphql(query)
  expect(body.data.room).toEqual({
    people: [{ uid: 1 }, { uid: 2 }, { uid: 3 }],
    me: { role: 'CALLER' },
    participants: [{ state: 'JOINED' }, { state: 'LEFT' }, { state: 'MISSED' }],
    hostId: 'alice',
  })
})

test('after many different selections, further ones read all columns by one statement', async () => {
  const readBy = async (selection: string) => {
    statements = []
    await read(selection)
    return statements.at(-1)
  }
  const [one, other] = [
    await readBy('callerId participants { uid reach }'),
    await readBy('name participants { uid lostAt }'),
  ]
  expect(one).toContain('json_agg(p."userId")')
  expect(one).toBe(other)
})
