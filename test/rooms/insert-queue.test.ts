import { expect, test } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { createDatabase } from '../../src/db/client.ts'
import { InsertQueue } from '../../src/rooms/insert-queue.ts'
import { decideCreate } from '../../src/rooms/rules/create.ts'
import { createRoomStore } from '../../src/rooms/store.ts'
import { createRoomWrites, type NewRoom } from '../../src/rooms/writes.ts'
import { systemClock } from '../../src/core/clock.ts'
import { createIds } from '../../src/core/ids.ts'
import { withWorld, type World } from '../world.ts'

const newId = createIds(systemClock)
const LIMITS = { ring: 45, grace: 20, empty: 30, maxDuration: 3600, meshMax: 6 }
const LANDED = { landed: true, reverseCall: null, earlier: null, busy: false }
const REFUSED = { ...LANDED, landed: false }

interface Given {
  readonly from: string
  /** Absent: a group. */
  readonly to?: string
  readonly key?: string
  readonly ringingMax?: number
}

/** Decides the creation of a room, without inserting it. */
function newRoom({ from, to, key, ringingMax = 8 }: Given): NewRoom {
  const decision = decideCreate(
    {
      type: 'create',
      actor: { id: from, scopes: new Set() },
      calleeIsBusy: false,
      calleeIsOffline: false,
      silentFor: new Set(),
      connected: new Set(),
      expectStream: false,
      room: {
        id: newId(),
        type: to === undefined ? 'group' : 'p2p',
        callerId: from,
        calleeId: to ?? null,
        participantIds: [],
        mediaType: 'video',
        name: null,
        metadata: null,
        provider: 'webrtc',
        access: 'invited',
        maxParticipants: null,
        clientRequestId: key ?? null,
        requestHash: key === undefined ? null : 'hash',
      },
    },
    new Date(),
    LIMITS,
  )
  if (decision.kind === 'refusal') throw new TypeError(decision.message)
  return { accepted: decision, ringingMax: to === undefined ? null : ringingMax }
}

/** A queue on its own connection pool, as of another node; its statements, and a way to load stored rooms. */
function openQueue(world: World) {
  const sent: string[] = []
  const database = createDatabase({
    url: world.databaseUrl,
    log: createLogger('silent'),
    onStatement: (sql) => sent.push(sql),
  })
  const queue = new InsertQueue(createRoomWrites(database.statements))
  return {
    sent,
    insert: (room: NewRoom) => queue.insert(room),
    insertAll: (rooms: readonly NewRoom[]) => Promise.all(rooms.map((room) => queue.insert(room))),
    load: createRoomStore(database).load,
    close: () => database.close(),
  }
}

async function withQueue(work: (queue: ReturnType<typeof openQueue>, world: World) => Promise<void>): Promise<void> {
  await withWorld(async (world) => {
    const queue = openQueue(world)
    try {
      await work(queue, world)
    } finally {
      await queue.close()
    }
  })
}

test('rooms that share a statement land or conflict independently', async () => {
  await withQueue(async ({ insertAll, load, sent }) => {
    const earlier = newRoom({ from: 'alice', to: 'bob' })
    const opposite = newRoom({ from: 'carol', to: 'dave' })
    const keyed = newRoom({ from: 'erin', key: 'once' })
    const ringing = newRoom({ from: 'frank', to: 'grace' })
    expect(await insertAll([earlier, opposite, keyed, ringing])).toEqual([LANDED, LANDED, LANDED, LANDED])
    sent.length = 0

    const rooms = [
      newRoom({ from: 'alice', to: 'bob' }),
      newRoom({ from: 'heidi', to: 'ivan' }),
      newRoom({ from: 'dave', to: 'carol' }),
      newRoom({ from: 'erin', key: 'once' }),
      newRoom({ from: 'judy', to: 'grace', ringingMax: 1 }),
      newRoom({ from: 'mallory', key: 'once' }),
    ]
    expect(await insertAll(rooms)).toEqual([
      { ...REFUSED, earlier: earlier.accepted.room.id },
      LANDED,
      { ...REFUSED, reverseCall: opposite.accepted.room.id },
      REFUSED,
      { ...REFUSED, busy: true },
      LANDED,
    ])
    expect(sent).toHaveLength(1)
    for (const [nth, { accepted }] of rooms.entries()) {
      expect(await load(accepted.room.id)).toEqual([1, 5].includes(nth) ? accepted.room : null)
    }
  })
})

test('calls of one user are in different statements, so that each sees the earlier ones', async () => {
  await withQueue(async ({ insertAll, sent }) => {
    const there = newRoom({ from: 'alice', to: 'bob' })
    const back = newRoom({ from: 'bob', to: 'alice' })
    const others = ['carol', 'dave', 'erin'].map((from) => newRoom({ from, to: `friend of ${from}` }))
    const [first, second, ...rest] = await insertAll([there, back, ...others])
    expect(rest).toEqual([LANDED, LANDED, LANDED])
    const [landed, missed] = first?.landed ? [there, second] : [back, first]
    expect(missed).toEqual({ ...REFUSED, reverseCall: landed.accepted.room.id })
    // The later one may find the users locked at first.
    expect(sent.length).toBeGreaterThanOrEqual(2)
    expect(sent.length).toBeLessThanOrEqual(3)
  })
})

test('a call between locked users does not delay the others, and is made when the lock is free', async () => {
  await withQueue(async ({ insert }, world) => {
    const calls = ['alice', 'carol', 'erin'].map((from) => newRoom({ from, to: `friend of ${from}` }))
    let waiting: ReturnType<typeof insert> | undefined
    await world.app.prisma.$transaction(async (transaction) => {
      await transaction.$queryRaw`SELECT opposite FROM "callInTheWay"('friend of carol', 'carol', now(), 8)`
      const [first, locked, last] = calls.map((call) => insert(call))
      waiting = locked
      expect(await Promise.all([first, last])).toEqual([LANDED, LANDED])
      const waits = async () =>
        (
          await world.app.prisma.$queryRaw<object[]>`
          SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
        ).length
      await expect.poll(waits).toBe(1)
    })
    expect(await waiting).toEqual(LANDED)
  })
})

test('a room that cannot be written fails alone', async () => {
  await withQueue(async ({ insert, load }) => {
    const rooms = ['alice', 'carol', 'erin'].map((from) => newRoom({ from, to: `friend of ${from}` }))
    const outcomes = await Promise.allSettled(
      rooms.map((room, nth) => {
        const events = room.accepted.events.map((event) => ({ ...event, subjectId: 'U+0000 is invalid in text: \0' }))
        return insert(nth === 1 ? { ...room, accepted: { ...room.accepted, events } } : room)
      }),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    for (const [nth, { accepted }] of rooms.entries()) {
      expect(await load(accepted.room.id)).toEqual(nth === 1 ? null : accepted.room)
    }
  })
})

test('of two rooms with one idempotency key in a statement, one lands', async () => {
  await withQueue(async ({ insertAll, sent }) => {
    const insertions = await insertAll(['group', 'other', 'group'].map((key) => newRoom({ from: 'alice', key })))
    expect(insertions.filter(({ landed }) => landed)).toHaveLength(2)
    expect(sent).toHaveLength(1)
  })
})

test('two nodes that insert the same idempotency keys and pairs in opposite orders insert each room once', async () => {
  await withQueue(async (here, world) => {
    const there = openQueue(world)
    try {
      for (let round = 0; round < 10; round += 1) {
        const names = Array.from({ length: 40 }, (_, nth) => `${round}-${nth}`)
        const given = names.flatMap((name) => [
          { from: `owner-${name}`, key: name },
          { from: `caller-${name}`, to: `callee-${name}`, key: name },
        ])
        const [ours, theirs] = await Promise.all([
          here.insertAll(given.map(newRoom)),
          there.insertAll(given.toReversed().map(newRoom)),
        ])
        const landed = ours.map((insertion, nth) => [insertion, theirs.toReversed()[nth]].filter((one) => one?.landed))
        expect(landed.map((both) => both.length)).toEqual(given.map(() => 1))
      }
    } finally {
      await there.close()
    }
  })
})
