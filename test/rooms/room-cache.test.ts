import { expect, it } from 'vitest'
import { newParticipant, type Room } from '../../src/rooms/model.ts'
import { Participants } from '../../src/rooms/participants.ts'
import { RoomCache } from '../../src/rooms/room-cache.ts'
import { CreateRoom } from '../../src/rooms/input.ts'
import { withWorld } from '../world.ts'

it('bounds the size of the cached rooms, evicts the least recently used room, and drops rooms that have ended', async () => {
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
    // Sixty-five such rooms are below 64 MiB, and one more exceeds them.
    for (let nth = 0; nth < 65; nth += 1) cache.put(named(`room-${nth}`, 1000))
    expect(cache.size).toBe(65)
    cache.get('room-0')
    cache.put(named('one more', 1000))
    expect(cache.size).toBe(65)
    expect(cache.get('room-0')).toBeDefined()
    expect(cache.get('room-1')).toBeUndefined()
    cache.put({ ...named('room-0', 1000), status: 'ended' })
    expect(cache.get('room-0')).toBeUndefined()

    const metadata = { text: 'x'.repeat(8000) }
    const withMetadata = new RoomCache()
    for (let nth = 0; nth < 5000; nth += 1) withMetadata.put({ ...named(`room-${nth}`, 0), metadata })
    expect(withMetadata.size).toBeGreaterThan(3000)
    expect(withMetadata.size).toBeLessThan(4100)
  })
})
