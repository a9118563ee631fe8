import { expect, test } from 'vitest'
import { CreateRoom } from '../../src/rooms/input.ts'
import { withWorld, type World } from '../world.ts'

/** A room with a subscriber. */
async function followedRoom({ app: { hub, rooms } }: World) {
  const { room } = await rooms.create({ id: 'alice', scopes: new Set() }, CreateRoom.parse({ type: 'group' }))
  const subscriber = { push: () => undefined, close: () => undefined }
  await hub.subscribe(room.id, 0, subscriber)
  let { seq } = room
  return {
    /** Ends the subscription. */
    end: () => hub.unsubscribe(room.id, subscriber),
    /** Delivers updates as after a commit. */
    update(count: number) {
      for (let nth = 0; nth < count; nth += 1) {
        seq += 1
        const event = {
          roomId: room.id,
          seq,
          type: 'participant_updated',
          actorId: 'alice',
          subjectId: 'alice',
        } as const
        const participants = [...room.participants].map((participant) => ({ ...participant, audio: seq % 2 === 0 }))
        hub.committed({ ...room, seq }, [{ ...event, data: { participants }, at: new Date() }])
      }
    },
    /** The numbers of the updates that a further subscriber resumes from, in relation to the last one. */
    async kept(): Promise<number[]> {
      const found = await hub.subscribe(room.id, seq, { ...subscriber })
      return (found?.recent ?? []).map((update) => update.seq - seq)
    },
  }
}

const last = (count: number) => Array.from({ length: count }, (_, index) => index + 1 - count)

test('keeps the last 64 updates of a room, and fewer while many rooms have subscribers', async () => {
  await withWorld(async (world) => {
    const room = await followedRoom(world)
    room.update(70)
    expect(await room.kept()).toEqual(last(64))
    const others = await Promise.all(Array.from({ length: 99 }, () => followedRoom(world)))
    expect(await room.kept()).toEqual(last(64))
    room.update(1)
    expect(await room.kept()).toEqual(last(40))
    for (const other of others) other.end()
    room.update(70)
    expect(await room.kept()).toEqual(last(64))
  })
})
