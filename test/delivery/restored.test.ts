import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { createDatabase } from '../../src/db/client.ts'
import { renumberRestored } from '../../src/delivery/restored.ts'
import { createDeliveryStore } from '../../src/delivery/store.ts'
import { createTestDatabase } from '../database.ts'

const log = createLogger('silent')

test('after a restore into a server with lower ids of transactions, deliveries continue where they were', async () => {
  const server = await createTestDatabase()
  const client = new pg.Client({ connectionString: server.url })
  const database = createDatabase({ url: server.url, log })
  const store = createDeliveryStore(database.prisma)
  const node = randomUUID()
  try {
    await client.connect()
    const roomId = randomUUID()
    await client.query(
      `INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "provider", "access", "maxParticipants", "seq",
                           "createdAt", "expiresAt", "createdBy")
       VALUES ($1, 'group', 'audio', 'waiting', 'alice', 'webrtc', 'invited', 2, 3, now(), now(), 'alice')`,
      [roomId],
    )
    const event = (seq: number, xid: string) =>
      client.query(
        `INSERT INTO "RoomEvent" ("roomId", "seq", "type", "data", "at", "xid")
         VALUES ($1, $2, 'room_updated', '{}', now(), ${xid})`,
        [roomId, seq],
      )
    // As dumped by a server with many transactions: event 1 was delivered, 2 and 3 were not.
    const base = 1_000_000_000_000
    for (const seq of [1, 2, 3]) await event(seq, `'${base + seq}'`)
    await store.begin(['test'])
    await client.query(`UPDATE "DeliveryDestination" SET "xid" = '${base + 1}', "roomId" = $1, "seq" = 1`, [roomId])

    const restored = { databaseUrl: server.url, statements: database.statements, log }
    expect(await renumberRestored(restored)).toBe(true)
    expect(await renumberRestored(restored)).toBe(false)
    await event(4, 'DEFAULT')
    const cursor = (await store.acquire(node, ['test'])).get('test') ?? expect.unreachable()
    await expect.poll(async () => (await store.read(cursor, 100)).events.map(({ seq }) => seq)).toEqual([2, 3, 4])
  } finally {
    await database.close()
    await client.end()
    await server.drop()
  }
})

test('a database that was not restored is not changed', async () => {
  const server = await createTestDatabase()
  const { statements, close } = createDatabase({ url: server.url, log })
  try {
    expect(await renumberRestored({ databaseUrl: server.url, statements, log })).toBe(false)
  } finally {
    await close()
    await server.drop()
  }
})
