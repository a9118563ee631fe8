import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Projection } from '../../src/rooms/projection.ts'
import { createRoomStore, type RoomStore } from '../../src/rooms/store.ts'
import { startWorld } from '../world.ts'

/** An id with what an array of SQL has to quote. */
const ODD = 'a,"b\\" {NULL}'
const UNKNOWN = '0193e000-0000-7000-9000-000000000000'

let statements: string[] = []
let world: Awaited<ReturnType<typeof startWorld>>
let store: RoomStore
let rooms: string[]
let large: string
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
  store = createRoomStore(world.app)
  const create = async (participantIds: readonly string[]): Promise<string> =>
    (await world.alice.rest('POST', '/rooms', { type: 'group', maxParticipants: 200, participantIds })).body.id
  rooms = [await create(['bob']), await create(['carol']), await create(['bob', 'carol', ODD])]
  large = await create(Array.from({ length: 90 }, (_, n) => `guest-${n}`))
  await world.bob.rest('POST', `/rooms/${rooms[0]}/join`)
})
afterAll(() => world.close())

describe.each<[string, Projection]>([
  ['with participants', { room: ['status', 'createdAt'], participants: ['userId', 'state'] }],
  ['without participants', { room: ['status', 'createdAt'], participants: null }],
  ['of all columns', { room: 'all', participants: 'all' }],
])('reads of rooms %s at the same time', (_, projection) => {
  const compare = async (roomIds: readonly string[]) => {
    const reads = roomIds.flatMap((roomId) => ['alice', 'bob', 'carol', ODD].map((user) => [user, roomId] as const))
    const alone = []
    for (const [user, roomId] of reads) alone.push(await store.loadProjectedFor(user, roomId, projection))
    statements = []
    const together = await Promise.all(reads.map(([user, roomId]) => store.loadProjectedFor(user, roomId, projection)))
    expect(together).toEqual(alone)
    return together
  }

  test('share statements, and find what each finds alone', async () => {
    const found = await compare([...rooms, UNKNOWN, ...rooms.slice(0, 1)])
    expect(statements).toHaveLength(2)
    expect(found[1]?.me).toEqual({ state: 'joined' })
    expect(found[2]?.me).toBeNull()
    expect(found[11]?.me).toEqual({ state: 'invited' })
    expect(found[12]).toBeNull()
  })

  test('find all participants of rooms with too many for a shared statement', async () => {
    const found = await compare([large, ...rooms])
    expect(found[0]?.room.participants?.length).toBe(projection.participants ? 91 : undefined)
  })
})

test('two clients that read rooms at the same time get the answers that they get alone', async () => {
  const ask = (id: string) => world.bob.graphql(`{ room(id: "${id}") { id name participants { userId state } } }`)
  const ids = [...rooms, large, UNKNOWN, 'no-room']
  const alone = []
  for (const id of ids) alone.push((await ask(id)).body)
  const together = await Promise.all(ids.map(ask))
  expect(together.map(({ body }) => body)).toEqual(alone)
})
