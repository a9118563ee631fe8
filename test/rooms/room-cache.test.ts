import { expect, it } from 'vitest'
import { newParticipant, type Room } from '../../src/rooms/model.ts'
import { Participants } from '../../src/rooms/participants.ts'
import { RoomCache } from '../../src/rooms/room-cache.ts'
import { CreateRoom } from '../../src/rooms/input.ts'
import { withWorld } from '../world.ts'

it('bounds the cached participants, evicts the least recently used room, and drops rooms that have ended', async () => {
  await withWorld(async ({ app }) => {
    const { room } = await app.rooms.create({ id: 'alice', scopes: new Set() }, CreateRoom.parse({ type: 'group' }))
    const named = (id: string, size: number): Room => ({
      ...room,
      id,
      participants: Participants.of(
        Array.from({ length: size }, (_, ordinal) =>
          newParticipant({ id }, `user-${ordinal}`, { ordinal, role: 'member', ringsUntil: null }),
        ),
      ),
    })
    const cache = new RoomCache()
    for (let nth = 0; nth < 100; nth += 1) cache.put(named(`room-${nth}`, 1000))
    expect(cache.size).toBe(100)
    cache.get('room-0')
    cache.put(named('room-0', 1000))
    expect(cache.size).toBe(100)
    cache.put(named('one more', 1))
    expect(cache.size).toBe(100)
    expect(cache.get('room-0')).toBeDefined()
    expect(cache.get('room-1')).toBeUndefined()
    cache.put({ ...named('room-0', 1000), status: 'ended' })
    expect(cache.get('room-0')).toBeUndefined()
  })
})
