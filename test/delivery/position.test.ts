import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createDatabase } from '../../src/db/client.ts'
import { createLogger } from '../../src/core/logger.ts'
import { createDeliveryStore, type DeliveryStore } from '../../src/delivery/store.ts'
import { createTestDatabase } from '../database.ts'

interface Fixture {
  readonly store: DeliveryStore
  /** Opens a transaction that has written an event of a new room, optionally as if by another transaction. */
  write(xid?: string): Promise<{ readonly roomId: string; commit(): Promise<unknown>; rollback(): Promise<unknown> }>
}

async function withLog(work: (fixture: Fixture) => Promise<void>): Promise<void> {
  const server = await createTestDatabase()
  const database = createDatabase({ url: server.url, log: createLogger('silent') })
  const clients: pg.Client[] = []
  try {
    await work({
      store: createDeliveryStore(database.prisma),
      async write(xid) {
        const client = new pg.Client({ connectionString: server.url })
        clients.push(client)
        await client.connect()
        const roomId = randomUUID()
        await client.query('BEGIN')
        await client.query(
          `INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "provider", "access", "maxParticipants",
                               "seq", "createdAt", "expiresAt", "createdBy")
           VALUES ($1, 'group', 'audio', 'waiting', 'alice', 'webrtc', 'invited', 2, 1, now(), now(), 'alice')`,
          [roomId],
        )
        // As a node of the previous version inserts it: without the column `xid`.
        await client.query(
          `INSERT INTO "RoomEvent" ("roomId", "seq", "type", "data", "at") VALUES ($1, 1, 'room_created', '{}', now())`,
          [roomId],
        )
        if (xid !== undefined) {
          await client.query('UPDATE "RoomEvent" SET "xid" = $1::xid8 WHERE "roomId" = $2', [xid, roomId])
        }
        return { roomId, commit: () => client.query('COMMIT'), rollback: () => client.query('ROLLBACK') }
      },
    })
  } finally {
    await Promise.all(clients.map((client) => client.end()))
    await database.close()
    await server.drop()
  }
}

async function begin(store: DeliveryStore) {
  await store.begin(['test'])
  const start = (await store.acquire(randomUUID(), ['test'])).get('test')
  if (!start) throw new TypeError('the lease is free')
  return start
}

const roomsOf = (page: { events: readonly { roomId: string }[] }) => page.events.map(({ roomId }) => roomId)

/** Reads until no unfinished transaction hides committed events; other tests on the same server have transactions, too. */
async function readSettled(store: DeliveryStore, after: Parameters<DeliveryStore['read']>[0]) {
  for (;;) {
    const page = await store.read(after, 100)
    if (!page.unsettled) return page
  }
}

test('an event that commits after a later transaction is neither skipped nor overtaken', async () => {
  await withLog(async ({ store, write }) => {
    const start = await begin(store)
    const first = await write()
    const second = await write()
    await second.commit()
    expect(await store.read(start, 100)).toEqual({ events: [], unsettled: true })
    await first.commit()
    expect(roomsOf(await readSettled(store, start))).toEqual([first.roomId, second.roomId])
  })
})

test('a transaction that is rolled back holds later events back only until then', async () => {
  await withLog(async ({ store, write }) => {
    const start = await begin(store)
    const first = await write()
    const second = await write()
    await second.commit()
    await first.rollback()
    expect(roomsOf(await readSettled(store, start))).toEqual([second.roomId])
  })
})

test('a cursor continues after the event it names', async () => {
  await withLog(async ({ store, write }) => {
    const start = await begin(store)
    for (let nth = 0; nth < 3; nth += 1) await (await write()).commit()
    const all = await readSettled(store, start)
    const [first, ...rest] = all.events
    if (!first) throw new TypeError('three events')
    expect((await readSettled(store, first)).events).toEqual(rest)
    expect((await store.read(start, 1)).events).toEqual([first])
  })
})

test('transactions are ordered by number', async () => {
  await withLog(async ({ store, write }) => {
    const rooms = new Map<string, string>()
    for (const xid of ['10', '9', '100', '99']) {
      const { roomId, commit } = await write(xid)
      await commit()
      rooms.set(roomId, xid)
    }
    const { events } = await store.read({ xid: '1', roomId: randomUUID(), seq: 0 }, 100)
    expect(events.map(({ roomId }) => rooms.get(roomId))).toEqual(['9', '10', '99', '100'])
  })
})

test('a lease is held by one node until it expires or is released', async () => {
  await withLog(async ({ store }) => {
    const [here, there] = [randomUUID(), randomUUID()]
    await store.begin(['test'])
    const cursor = (await store.acquire(here, ['test'])).get('test')
    if (!cursor) throw new TypeError('the lease is free')
    expect((await store.acquire(there, ['test'])).size).toBe(0)
    expect(await store.write(there, 'test', { cursor, rooms: [] })).toBe(false)
    expect(await store.renew(there, ['test'])).toEqual(new Set())
    expect(await store.write(here, 'test', { cursor, rooms: [] })).toBe(true)
    await store.release(here, 'test')
    expect((await store.acquire(there, ['test'])).get('test')).toEqual(cursor)
    expect(await store.renew(here, ['test'])).toEqual(new Set())
  })
})
