import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { type RoomUpdate, updateOf } from '../../src/events/event.ts'
import { ReadBack } from '../../src/events/read-back.ts'
import { createEventLog, type EventLog, readAll } from '../../src/rooms/event-log.ts'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { apply, type Room } from '../../src/rooms/model.ts'
import { RoomSnapshots } from '../../src/rooms/snapshots.ts'
import { SEED } from '../seed.ts'
import { withWorld, type World } from '../world.ts'

async function collect(updates: AsyncIterable<RoomUpdate>): Promise<RoomUpdate[]> {
  const collected: RoomUpdate[] = []
  for await (const update of updates) collected.push(update)
  return collected
}

const user = (id: string) => ({ id, scopes: new Set<string>() })

/** A group that alice and bob have joined. */
async function groupOf({ app }: World): Promise<Room> {
  const { room } = await app.rooms.create(user('alice'), CreateRoom.parse({ type: 'group', access: 'link' }))
  for (const id of ['alice', 'bob']) await app.rooms.join(user(id), room.id, JoinRoom.parse({}))
  return room
}

/** Commits `count` events, one after the other. */
async function muteOften({ app }: World, roomId: string, count: number): Promise<number> {
  let seq = 0
  for (let turn = 0; turn < count; turn += 1) {
    const { room } = await app.rooms.update(user('alice'), roomId, { audio: turn % 2 === 1, video: null })
    seq = room.seq
  }
  return seq
}

/** A log that counts the statements and the events that were read. */
function counting(log: EventLog) {
  const counts = { statements: 0, events: 0 }
  const counted: EventLog = {
    async read(ranges) {
      const results = await log.read(ranges)
      counts.statements += 1
      for (const events of results) counts.events += events.length
      return results
    },
  }
  return { counts, log: counted }
}

const withoutSnapshots = { lastUntil: async () => null }

test('subscribers that resume at the same time share the pages of the log, and each gets exactly what it missed', () =>
  withWorld(async (world) => {
    const { id } = await groupOf(world)
    const seq = await muteOften(world, id, 150)
    expect(seq).toBeGreaterThan(150)

    const { counts, log } = counting(createEventLog(world.app.statements))
    const readBack = new ReadBack(log, withoutSnapshots)
    const cursors = [0, 0, 1, 63, 64, 65, 127, 128, 129, seq - 1, seq]
    const answers = await Promise.all(cursors.map((after) => collect(readBack.updates(id, { after, upTo: seq }))))
    const whole = answers[0] ?? []
    expect(whole.map((update) => update.seq)).toEqual(Array.from({ length: seq }, (_, index) => index + 1))
    expect(whole.map(({ room }) => room.seq)).toEqual(whole.map((update) => update.seq))
    for (const [index, after] of cursors.entries()) {
      // The same objects, so that subscribers share the messages created for an update.
      expect(answers[index]?.every((update, nth) => update === whole[after + nth])).toBe(true)
      expect(answers[index]).toHaveLength(seq - after)
    }
    expect(counts.statements).toBe(Math.ceil(seq / 64))
    const again = await collect(readBack.updates(id, { after: seq - 1, upTo: seq }))
    expect([again.length, counts.statements]).toEqual([1, Math.ceil(seq / 64)])
    expect(readBack.bytes).toBeGreaterThan(0)
  }))

test('readers far behind read what they missed and at most one interval more, however long the log is', () =>
  withWorld(async (world) => {
    const { app } = world
    const { id } = await groupOf(world)
    const seq = await muteOften(world, id, 1100)
    const snapshots = async () => {
      const rows = await app.prisma.roomSnapshot.findMany({ where: { roomId: id }, select: { seq: true } })
      return rows.map((row) => row.seq)
    }
    await vi.waitUntil(async () => (await snapshots()).length === 4)
    const { counts, log } = counting(createEventLog(app.statements))
    const readBack = new ReadBack(log, new RoomSnapshots(app))
    const after = seq - 100
    const cursors = Array.from({ length: 50 }, (_, index) => after + index)
    const answers = await Promise.all(
      cursors.map((cursor) => collect(readBack.updates(id, { after: cursor, upTo: seq }))),
    )
    for (const [index, cursor] of cursors.entries()) {
      expect(answers[index]?.map((update) => update.seq)).toEqual(
        Array.from({ length: seq - cursor }, (_, nth) => cursor + nth + 1),
      )
    }
    // The rest of the snapshot's page is read once for each page in which a cursor is.
    expect(counts.events).toBeLessThanOrEqual(100 + 256 + 2 * 64)
  }))

const steps = fc.array(
  fc.tuple(fc.constantFrom('join', 'leave', 'mute', 'mute', 'mute', 'snapshot'), fc.nat({ max: 5 })),
  { minLength: 60, maxLength: 160 },
)

test('what is read from a snapshot equals the log applied from its beginning', () =>
  withWorld(async (world) => {
    const { app } = world
    const log = createEventLog(app.statements)
    const snapshots = new RoomSnapshots(app)
    const take = async (roomId: string, verb: string, nth: number): Promise<unknown> => {
      const actor = user(`user-${nth}`)
      if (verb === 'snapshot') return snapshots.write(roomId)
      if (verb === 'join') return app.rooms.join(actor, roomId, JoinRoom.parse({}))
      if (verb === 'leave') return app.rooms.leave(actor, roomId)
      return app.rooms.update(actor, roomId, { audio: nth % 2 === 0, video: null })
    }
    await fc.assert(
      fc.asyncProperty(steps, fc.double({ min: 0, max: 1, noNaN: true }), async (history, share) => {
        const { id } = await groupOf(world)
        // A command that the room's state does not allow changes nothing.
        for (const [verb, nth] of history) await take(id, verb, nth).catch(() => undefined)
        const expected: RoomUpdate[] = []
        let room: Room | null = null
        for await (const event of readAll(log, id, { after: 0 })) {
          room = apply(room, event)
          expected.push(updateOf(event, room))
        }
        const upTo = expected.length
        for (const after of [Math.floor(share * upTo), 64]) {
          const read = await collect(new ReadBack(log, snapshots).updates(id, { after, upTo }))
          expect(read).toEqual(expected.slice(after))
        }
      }),
      { seed: SEED, numRuns: 12 },
    )
  }))
