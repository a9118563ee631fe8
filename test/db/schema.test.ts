import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../database.ts'
import { describeDatabase } from './database-catalog.ts'
import { describeSchema, readSchema } from './prisma-schema.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

beforeEach(() => client.query('BEGIN'))
afterEach(() => client.query('ROLLBACK'))

const databaseSentences = async () => (await describeDatabase(client)).toSorted()
const schemaSentences = (source = readSchema()) => describeSchema(source).toSorted()

it('the migrated database matches prisma/schema.prisma', async () => {
  expect(await databaseSentences()).toEqual(schemaSentences())
})

const recreate = (name: string, definition: string) => `DROP INDEX "${name}"; CREATE INDEX "${name}" ON ${definition}`
const refer = (actions: string) => `
  ALTER TABLE "RoomEvent"
    DROP CONSTRAINT "RoomEvent_roomId_fkey",
    ADD CONSTRAINT "RoomEvent_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room" (id) ${actions}`

it.each([
  ['an additional column', 'ALTER TABLE "Room" ADD COLUMN extra TEXT'],
  ['a missing column', 'ALTER TABLE "Room" DROP COLUMN "endedBy"'],
  ['another type', 'ALTER TABLE "Room" ALTER COLUMN "createdAt" TYPE TIMESTAMP(3)'],
  ['a nullable column', 'ALTER TABLE "Participant" ALTER COLUMN state DROP NOT NULL'],
  ['a default', `ALTER TABLE "Room" ALTER COLUMN access SET DEFAULT 'link'`],
  ['an additional enum value', `ALTER TYPE "RoomStatus" ADD VALUE 'paused' BEFORE 'active'`],
  ['an additional table', 'CREATE TABLE "Extra" ()'],
  ['a view', 'CREATE VIEW "Extra" AS SELECT 1'],
  ['a check', 'ALTER TABLE "Room" ADD CHECK (seq > 0)'],
  ['a missing index', 'DROP INDEX "Room_deadlineAt_idx"'],
  ['another order in an index', recreate('Participant_userId_roomId_idx', '"Participant" ("userId", "roomId")')],
  ['a partial index', recreate('Room_deadlineAt_idx', '"Room" ("deadlineAt") WHERE seq > 1')],
  [
    'an index that is not unique',
    recreate('Room_createdBy_clientRequestId_key', '"Room" ("createdBy", "clientRequestId")'),
  ],
  ['a missing foreign key', 'ALTER TABLE "RoomEvent" DROP CONSTRAINT "RoomEvent_roomId_fkey"'],
  ['another action on delete', refer('ON DELETE RESTRICT ON UPDATE CASCADE')],
  ['another action on update', refer('ON DELETE CASCADE')],
])('a database with %s does not match', async (_difference, sql) => {
  await client.query(sql)
  expect(await databaseSentences()).not.toEqual(schemaSentences())
})

it.each([
  ['a field', 'model Room {', 'model Room {\n  extra String?'],
  ['an index', '@@index([deadlineAt])', '@@index([deadlineAt])\n  @@index([callerId])'],
  ['an enum value', 'enum RoomStatus {', 'enum RoomStatus {\n  paused'],
  ['another column name', '@map("stayed")', ''],
  ['a model', 'enum RoomStatus {', 'model Extra {\n  id BigInt @id @default(autoincrement())\n}\nenum RoomStatus {'],
])('a schema with %s added does not match', async (_addition, before, after) => {
  const changed = readSchema().replace(before, after)
  expect(changed).not.toBe(readSchema())
  expect(await databaseSentences()).not.toEqual(schemaSentences(changed))
})
