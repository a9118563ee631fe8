import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type Migration, readMigrations } from '../../src/db/migrations.ts'
import { lockHolders, locksOf, takeLocks } from '../../src/db/table-locks.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../database.ts'

const log = createLogger('silent')

let database: TestDatabase
let opened: pg.Client[]

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  opened.push(client)
  return client
}

beforeEach(() => {
  opened = []
})

afterEach(async () => {
  await Promise.all(opened.map((client) => client.end()))
  await database.drop()
})

/** Modes that make commands wait, from the weakest to the strongest. */
const MODES = ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']

/** The strongest of {@link MODES} that the client holds on each table, by its index. */
async function strengths(client: pg.Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ table: string; modes: string[] }>(
    `SELECT relname AS "table", array_agg(mode) AS modes FROM pg_locks JOIN pg_class ON pg_class.oid = relation
      WHERE pid = pg_backend_pid() AND relkind = 'r' AND relnamespace = current_schema()::regnamespace GROUP BY relname`,
  )
  return new Map(rows.map(({ table, modes }) => [table, Math.max(...modes.map((mode) => MODES.indexOf(mode)))]))
}

async function tables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`,
  )
  return rows.map(({ name }) => name)
}

test('each migration locks the existing tables that it needs before its first statement', async () => {
  database = await createEmptyDatabase()
  const client = await connect()
  const locked: string[] = []
  for (const { name, sql } of await readMigrations()) {
    await client.query('BEGIN')
    const existing = await tables(client)
    await takeLocks(client, await locksOf(client, sql), 0)
    const before = await strengths(client)
    await client.query(sql)
    const after = await strengths(client)
    for (const table of existing) {
      const [had, needs] = [before, after].map((held) => held.get(table) ?? -1)
      expect(had, `${name} on ${table}`).toBeGreaterThanOrEqual(needs ?? -1)
      if (needs !== -1) locked.push(`${name} ${table}`)
    }
    await client.query('COMMIT')
  }
  expect(locked).toEqual(expect.arrayContaining(['20261128011000_stays Participant', '20261128011000_stays Room']))
})

test.each([
  ['ALTER TABLE "Room" ADD COLUMN "topic" TEXT', { Room: 'ACCESS EXCLUSIVE' }],
  ['CREATE INDEX "Room_name_idx" ON "Room"("name")', { Room: 'SHARE ROW EXCLUSIVE' }],
  ['DROP INDEX "Room_endedAt_idx"', { Room: 'ACCESS EXCLUSIVE' }],
  [
    'CREATE TABLE "Topic" ("id" UUID); ALTER TABLE "Topic" ADD CONSTRAINT "x" FOREIGN KEY ("id") REFERENCES "Room"("id")',
    { Room: 'SHARE ROW EXCLUSIVE' },
  ],
  [
    'DROP TRIGGER "Room_ended" ON "Room"; UPDATE "Node" SET "id" = "id"',
    { Node: 'SHARE ROW EXCLUSIVE', Room: 'ACCESS EXCLUSIVE' },
  ],
  ['-- ALTER TABLE "Room"\nCREATE TABLE "Topic" ("id" UUID)', {}],
])('%s needs the locks %j', async (sql, expected) => {
  database = await createTestDatabase()
  const locks = await locksOf(await connect(), sql)
  expect(Object.fromEntries(locks.map(({ table, mode }) => [table, mode]))).toEqual(expected)
})

describe('a migration of two tables, while another session has locked one of them', () => {
  let session: pg.Client
  beforeEach(async () => {
    database = await createEmptyDatabase()
    session = await connect()
    const migrations = await readMigrations()
    await apply(
      session,
      migrations.slice(
        0,
        migrations.findIndex(({ name }) => name.endsWith('_stays')),
      ),
    )
  })

  async function apply(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
    await client.query(`CREATE TABLE "_prisma_migrations" (
      id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
      logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
      applied_steps_count INTEGER NOT NULL DEFAULT 0)`)
    for (const { name, sql, checksum } of migrations) {
      await client.query(sql)
      await client.query(
        `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at) VALUES (gen_random_uuid(), $1, $2, now())`,
        [checksum, name],
      )
    }
  }

  /** Resolves when the migration waits for a table. */
  const isWaiting = async () => {
    const observer = await connect()
    const waiting = `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE NOT granted AND locktype = 'relation' AND application_name = 'rtc-gateway migrate'
        AND datname = current_database()`
    await expect.poll(async () => (await observer.query(waiting)).rows.length, { interval: 5 }).toBeGreaterThan(0)
    return observer
  }

  test('lets that session lock the other one as well, and waits for its end', async () => {
    await session.query('BEGIN')
    await session.query('UPDATE "Room" SET seq = seq')
    const migrating = migrate(database.url, log)
    await isWaiting()
    await session.query('UPDATE "Participant" SET audio = audio')
    await session.query('COMMIT')
    expect(await migrating).toContain('20261128011000_stays')
  })

  test('lets others use the tables, names the holder, and can be aborted', async () => {
    await session.query('BEGIN')
    await session.query('SELECT FROM "Room"')
    const abort = new AbortController()
    const migrating = migrate(database.url, log, { signal: abort.signal })
    const other = await isWaiting()
    const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const holders = await lockHolders(other, [{ table: 'Room', mode: 'ACCESS EXCLUSIVE' }])
    expect(holders).toEqual([expect.objectContaining({ pid: rows[0]?.pid, kind: 'client backend' })])
    await other.query('UPDATE "Room" SET seq = seq')
    abort.abort()
    await expect(migrating).rejects.toMatchObject({ name: 'AbortError' })
  })
})
