import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { inspectSchema, migrate } from '../../src/db/migrate.ts'
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

const migrationRecords = async () =>
  (await client.query('SELECT * FROM "_prisma_migrations" ORDER BY migration_name')).rows
const tables = async () => {
  const { rows } = await client.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
  )
  return rows.map(({ name }) => name)
}

describe('an empty database', () => {
  beforeEach(() => open(createEmptyDatabase()))

  it('gets every migration, each with a record for Prisma', async () => {
    const applied = await migrate(database.url, log)
    expect(applied[0]).toBe('20261123000000_init')
    const records = await migrationRecords()
    expect(records.map(({ migration_name }) => migration_name)).toEqual(applied)
    for (const record of records) {
      expect(record).toMatchObject({
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

  it('is migrated once when several gateways start at the same time', async () => {
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(database.url, log)))
    // Each migration takes the lock separately, so gateways may alternate; only one applies each migration.
    const names = (await migrationRecords()).map((record) => record.migration_name)
    expect(applied.flat()).toHaveLength(names.length)
    expect(new Set(applied.flat())).toEqual(new Set(names))
    expect(new Set(names).size).toBe(names.length)
  })

  it('is unchanged after a failed migration', async () => {
    await client.query('CREATE TABLE "RoomEvent" (mine INT)')
    await expect(migrate(database.url, log)).rejects.toThrow(/20261123000000_init cannot be applied: .*"RoomEvent"/)
    expect((await tables()).toSorted()).toEqual(['RoomEvent'])
    await client.query('DROP TABLE "RoomEvent"')
    expect(await migrate(database.url, log)).toContain('20261123000000_init')
  })
})

describe('a migrated database', () => {
  beforeEach(() => open(createTestDatabase()))

  it('is not changed', async () => {
    const before = await migrationRecords()
    expect(await migrate(database.url, log)).toEqual([])
    expect(await migrationRecords()).toEqual(before)
  })

  it('is refused with the name of an applied migration that has changed', async () => {
    await client.query(`UPDATE "_prisma_migrations" SET checksum = 'other' WHERE migration_name LIKE '%_init'`)
    await expect(migrate(database.url, log)).rejects.toMatchObject({
      name: 'MigrationError',
      message: expect.stringContaining('20261123000000_init'),
    })
  })

  it('may contain records of another application, also of failed migrations', async () => {
    await client.query(`
      INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at)
      VALUES ('foreign', 'unknown', '20200101000000_users', now()), ('failed', 'unknown', '20200102000000_posts', NULL)`)
    expect(await migrate(database.url, log)).toEqual([])
  })

  it('is refused with the name of a migration that has failed', async () => {
    await client.query(`UPDATE "_prisma_migrations" SET finished_at = NULL WHERE migration_name LIKE '%_init'`)
    await expect(migrate(database.url, log)).rejects.toMatchObject({
      name: 'MigrationError',
      message: expect.stringContaining('20261123000000_init has failed'),
    })
  })

  it('gets a rolled-back migration again', async () => {
    await client.query('UPDATE "_prisma_migrations" SET finished_at = NULL, rolled_back_at = now()')
    await client.query(`
      CREATE SCHEMA kept;
      ALTER TABLE "_prisma_migrations" SET SCHEMA kept;
      DROP SCHEMA public CASCADE;
      ALTER SCHEMA kept RENAME TO public`)
    expect(await migrate(database.url, log)).toContain('20261123000000_init')
    expect(await tables()).toContain('Room')
  })

  it('may have newer migrations than this gateway', async () => {
    await client.query(`
      INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at)
      VALUES ('newer', 'unknown', '29990101000000_newer', now())`)
    expect(await migrate(database.url, log)).toEqual([])
  })

  const addRecord = (name: string) =>
    client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at) VALUES ('newer', 'unknown', $1, now())`,
      [name],
    )

  it('is refused if a newer version has taken away what this one uses', async () => {
    const name = '29990102000000_drop_name_requires_29990101000000'
    await addRecord(name)
    for (const use of [migrate, inspectSchema]) {
      const used = use(database.url, log)
      await expect(used).rejects.toMatchObject({ name: 'MigrationError', message: expect.stringContaining(name) })
    }
  })

  it('may have newer migrations that take away only what this version no longer uses', async () => {
    const [newest = ''] = (await migrationRecords()).map((record) => String(record.migration_name)).toReversed()
    await addRecord(`29990102000000_drop_name_requires_${newest.slice(0, 14)}`)
    expect(await migrate(database.url, log)).toEqual([])
  })
})
