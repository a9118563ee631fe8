import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { createEventLog, readAll } from '../../src/rooms/event-log.ts'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { apply, type Room, type RoomEvent } from '../../src/rooms/model.ts'
import { createRoomStore } from '../../src/rooms/store.ts'
import { type World, withWorld } from '../world.ts'

/** Runs `work` with a second gateway on the same database, whose commands race with those of the first. */
async function withTwoNodes(work: (world: World, nodes: World['app'][]) => Promise<void>): Promise<void> {
  await withWorld(async (world) => {
    const { configuration, log } = world.app
    const second = createApp(configuration, { databaseUrl: world.databaseUrl, log })
    try {
      await work(world, [world.app, second])
    } finally {
      await second.dispose()
    }
  })
}

const user = (id: string) => ({ id, scopes: new Set<string>() })
const link = (maxParticipants: number) => CreateRoom.parse({ type: 'group', access: 'link', maxParticipants })
const pick = <T>(items: readonly T[], index: number): T => items[index % items.length] as T

async function logOf(world: World, roomId: string): Promise<RoomEvent[]> {
  const events: RoomEvent[] = []
  for await (const event of readAll(createEventLog(world.app.statements), roomId, { after: 0 })) events.push(event)
  return events
}

async function expectRowsToBeTheFold(world: World, roomId: string): Promise<Room> {
  const events = await logOf(world, roomId)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  const folded = events.reduce<Room | null>(apply, null)
  expect(await createRoomStore(world.app).load(roomId)).toEqual(folded)
  return folded as Room
}

test('exactly one of 50 concurrent joins on two nodes gets the last seat', async () => {
  await withTwoNodes(async (world, nodes) => {
    const { room } = await world.app.rooms.create(user('alice'), link(2))
    await world.app.rooms.join(user('alice'), room.id, JoinRoom.parse({}))
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        pick(nodes, index).rooms.join(user(`user-${index}`), room.id, JoinRoom.parse({})),
      ),
    )
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    expect(refusals).toEqual(Array.from({ length: 49 }, () => 'ROOM_FULL'))
    const after = await expectRowsToBeTheFold(world, room.id)
    expect(after.participants.filter(({ state }) => state === 'joined')).toHaveLength(2)
  })
})

test('a seat that is given up at another node is available at this node', async () => {
  await withTwoNodes(async (_world, [here, there]) => {
    if (!here || !there) throw new TypeError('two nodes')
    const { room } = await here.rooms.create(user('alice'), link(1))
    await here.rooms.join(user('alice'), room.id, JoinRoom.parse({}))
    const join = () => here.rooms.join(user('bob'), room.id, JoinRoom.parse({}))
    await expect(join()).rejects.toMatchObject({ code: 'ROOM_FULL' })
    await there.rooms.leave(user('alice'), room.id)
    await expect(join()).resolves.toMatchObject({ participant: { state: 'joined' } })
  })
})

test('200 concurrent commands on one room at two nodes all land, and seq has no gap', async () => {
  await withTwoNodes(async (world, nodes) => {
    const { room } = await world.app.rooms.create(user('alice'), link(200))
    await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        pick(nodes, index).rooms.join(user(`user-${index}`), room.id, JoinRoom.parse({})),
      ),
    )
    const after = await expectRowsToBeTheFold(world, room.id)
    expect(after.seq).toBe(1 + 200 + 1)
    expect(after.participants.filter(({ state }) => state === 'joined')).toHaveLength(200)
  })
})

test('20 concurrent creations with one idempotency key create one room', async () => {
  await withTwoNodes(async (world, nodes) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        pick(nodes, index).rooms.create(user('alice'), CreateRoom.parse({ type: 'p2p', calleeId: 'bob' }), 'once'),
      ),
    )
    expect(new Set(results.map(({ room }) => room.id)).size).toBe(1)
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(await world.app.prisma.room.count()).toBe(1)
  })
})
