import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../database.ts'

const log = createLogger('silent')

let database: TestDatabase
let client: pg.Client

const open = async (opening: Promise<TestDatabase>) => {
  database = await opening
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
}

afterEach(async () => {
  await client.end()
  await database.drop()
})

const book = async () => (await client.query('SELECT * FROM "_prisma_migrations" ORDER BY migration_name')).rows
const tables = async () => {
  const { rows } = await client.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
  )
  return rows.map(({ name }) => name)
}

describe('an empty database', () => {
  beforeEach(() => open(createEmptyDatabase()))

  it('gets every migration, each with an entry that Prisma understands', async () => {
    const applied = await migrate(database.url, log)
    expect(applied[0]).toBe('20261123000000_init')
    const entries = await book()
    expect(entries.map(({ migration_name }) => migration_name)).toEqual(applied)
    for (const entry of entries) {
      expect(entry).toMatchObject({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
        finished_at: expect.any(Date),
        started_at: expect.any(Date),
        rolled_back_at: null,
        logs: null,
        applied_steps_count: 1,
      })
    }
  })

  it('is migrated once when several gateways start together', async () => {
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(database.url, log)))
    // The lock is each migration's own, so gateways may take turns; each migration is applied by one of them.
    const names = (await book()).map((entry) => entry.migration_name)
    expect(applied.flat()).toHaveLength(names.length)
    expect(new Set(applied.flat())).toEqual(new Set(names))
    expect(new Set(names).size).toBe(names.length)
  })

  it('keeps nothing of a migration that fails half-way', async () => {
    await client.query('CREATE TABLE "RoomEvent" (mine INT)')
    await expect(migrate(database.url, log)).rejects.toThrow(/20261123000000_init cannot be applied: .*"RoomEvent"/)
    expect((await tables()).toSorted()).toEqual(['RoomEvent'])
    await client.query('DROP TABLE "RoomEvent"')
    expect(await migrate(database.url, log)).toContain('20261123000000_init')
  })
})

describe('a migrated database', () => {
  beforeEach(() => open(createTestDatabase()))

  it('is left as it is', async () => {
    const before = await book()
    expect(await migrate(database.url, log)).toEqual([])
    expect(await book()).toEqual(before)
  })

  it('is refused by name when an applied migration has changed', async () => {
    await client.query(`UPDATE "_prisma_migrations" SET checksum = 'other' WHERE migration_name LIKE '%_init'`)
    await expect(migrate(database.url, log)).rejects.toMatchObject({
      name: 'MigrationError',
      message: expect.stringContaining('20261123000000_init'),
    })
  })

  it('may have the migrations of another application in its book, also failed ones', async () => {
    await client.query(`
      INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at)
      VALUES ('foreign', 'unknown', '20200101000000_users', now()), ('failed', 'unknown', '20200102000000_posts', NULL)`)
    expect(await migrate(database.url, log)).toEqual([])
  })

  it('is refused by name when a migration has failed in it', async () => {
    await client.query(`UPDATE "_prisma_migrations" SET finished_at = NULL WHERE migration_name LIKE '%_init'`)
    await expect(migrate(database.url, log)).rejects.toMatchObject({
      name: 'MigrationError',
      message: expect.stringContaining('20261123000000_init has failed'),
    })
  })

  it('gets a migration again that was rolled back', async () => {
    await client.query('UPDATE "_prisma_migrations" SET finished_at = NULL, rolled_back_at = now()')
    await client.query(`
      CREATE SCHEMA kept;
      ALTER TABLE "_prisma_migrations" SET SCHEMA kept;
      DROP SCHEMA public CASCADE;
      ALTER SCHEMA kept RENAME TO public`)
    expect(await migrate(database.url, log)).toContain('20261123000000_init')
    expect(await tables()).toContain('Room')
  })

  it('may be ahead of this gateway', async () => {
    await client.query(`
      INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at)
      VALUES ('newer', 'unknown', '29990101000000_newer', now())`)
    expect(await migrate(database.url, log)).toEqual([])
  })
})
