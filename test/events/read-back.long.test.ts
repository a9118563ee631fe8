import { expect, test } from 'vitest'
import { createEventLog } from '../../src/rooms/event-log.ts'
import { ReadBack } from '../../src/events/read-back.ts'
import { RoomSnapshots } from '../../src/rooms/snapshots.ts'
import { withWorld } from '../world.ts'

test('the cache of pages is bounded in bytes', () =>
  withWorld(async ({ app, alice }) => {
    const readBack = new ReadBack(createEventLog(app.statements), new RoomSnapshots(app))
    for (let room = 0; room < 40; room += 1) {
      const participantIds = Array.from({ length: 999 }, (_, index) => `guest-${index}`)
      const input = { type: 'group', participantIds, maxParticipants: 1000 }
      const { body } = await alice.rest('POST', '/rooms', input)
      let count = 0
      for await (const update of readBack.updates(body.id, { after: 0, upTo: body.seq })) count += update.seq ? 1 : 0
      expect(count).toBe(body.seq)
      expect(readBack.bytes).toBeLessThanOrEqual(16 * 1024 * 1024)
    }
    expect(readBack.bytes).toBeGreaterThan(8 * 1024 * 1024)
  }))
