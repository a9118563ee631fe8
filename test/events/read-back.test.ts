import { expect, test } from 'vitest'
import type { RoomUpdate } from '../../src/events/event.ts'
import { createEventLog } from '../../src/rooms/event-log.ts'
import { ReadBack } from '../../src/events/read-back.ts'
import { withWorld } from '../world.ts'

async function collect(updates: AsyncIterable<RoomUpdate>): Promise<RoomUpdate[]> {
  const collected: RoomUpdate[] = []
  for await (const update of updates) collected.push(update)
  return collected
}

test('subscribers that resume at the same time share the pages of the log, and each gets exactly what it missed', () =>
  withWorld(async ({ app, alice, bob }) => {
    const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    for (const person of [alice, bob]) await person.rest('POST', `/rooms/${body.id}/join`)
    for (let turn = 0; turn < 150; turn += 1) {
      await app.rooms.update({ id: 'alice', scopes: new Set() }, body.id, { audio: turn % 2 === 1, video: null })
    }
    const { seq } = (await alice.rest('GET', `/rooms/${body.id}`)).body
    expect(seq).toBeGreaterThan(150)

    let statements = 0
    const log = createEventLog(app.prisma)
    const readBack = new ReadBack({
      read(ranges) {
        statements += 1
        return log.read(ranges)
      },
    })
    const cursors = [0, 0, 1, 63, 64, 65, 127, 128, 129, seq - 1, seq]
    const answers = await Promise.all(cursors.map((after) => collect(readBack.updates(body.id, { after, upTo: seq }))))
    const whole = answers[0] ?? []
    expect(whole.map((update) => update.seq)).toEqual(Array.from({ length: seq }, (_, index) => index + 1))
    expect(whole.map(({ room }) => room.seq)).toEqual(whole.map((update) => update.seq))
    for (const [index, after] of cursors.entries()) {
      // The same objects, so that subscribers share the messages created for an update.
      expect(answers[index]?.every((update, nth) => update === whole[after + nth])).toBe(true)
      expect(answers[index]).toHaveLength(seq - after)
    }
    expect(statements).toBe(Math.ceil(seq / 64))
    const again = await collect(readBack.updates(body.id, { after: seq - 1, upTo: seq }))
    expect([again.length, statements]).toEqual([1, Math.ceil(seq / 64)])
    expect(readBack.bytes).toBeGreaterThan(0)
  }))
