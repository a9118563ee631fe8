import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Log } from '../core/log.ts'

/** The database's migrations and this build's cannot be brought together. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

interface Migration {
  /** `<timestamp>_<name>`, the order in which they are applied. */
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, in hexadecimal. */
  readonly checksum: string
}

interface Entry {
  migration_name: string
  checksum: string
  finished_at: Date | null
}

/** The same from `src/db` and from `dist/db`. */
const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** The lock that Prisma's own `migrate` takes. */
const LOCK = 72_707_369

/** Prisma's book of migrations, so that its tools agree on what has been applied. */
const CREATE_BOOK = `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`

/**
 * Brings a database up to this build's migrations. Of several gateways that start together one does the work,
 * and the others wait for it.
 *
 * @returns names of the migrations that it has applied
 * @throws MigrationError when an applied migration has changed or failed; then nothing is applied
 */
export async function migrate(databaseUrl: string, log: Log): Promise<string[]> {
  const migrations = await readMigrations()
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000 })
  // An error of the connection also fails the query that waits for it.
  client.on('error', (error) => log.debug({ err: error }, 'lost the connection while migrating'))
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK])
    const pending = pendingOf(migrations, await readBook(client), log)
    for (const migration of pending) {
      await apply(client, migration)
      log.info({ migration: migration.name }, 'applied a migration')
    }
    return pending.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

async function readMigrations(): Promise<Migration[]> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return await Promise.all(
    names.toSorted().map(async (name) => {
      const sql = await readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

async function readBook(client: pg.Client): Promise<Entry[]> {
  const { rows: tables } = await client.query(`SELECT WHERE to_regclass('"_prisma_migrations"') IS NOT NULL`)
  if (tables.length === 0) {
    await client.query(CREATE_BOOK)
    return []
  }
  const { rows } = await client.query<Entry>(
    'SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL',
  )
  return rows
}

function pendingOf(migrations: readonly Migration[], book: readonly Entry[], log: Log): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const { migration_name: name, checksum, finished_at: finishedAt } of book) {
    const migration = known.get(name)
    if (!finishedAt) {
      throw new MigrationError(
        `Migration ${name} has failed in this database. Repair the database, then record that it is applied or ` +
          'rolled back with `prisma migrate resolve`.',
      )
    }
    if (!migration) {
      // A newer gateway beside this one has applied it; migrations keep the gateway before them working.
      log.warn({ migration: name }, 'the database has a migration that this gateway does not know')
    } else if (migration.checksum !== checksum) {
      throw new MigrationError(`Migration ${name} is not the one that this database has applied: its file has changed.`)
    }
  }
  const applied = new Set(book.map((entry) => entry.migration_name))
  return migrations.filter(({ name }) => !applied.has(name))
}

/** The migration and its entry in the book come to be together or not at all. */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query('BEGIN')
    await client.query(sql)
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    )
    await client.query('COMMIT')
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw new MigrationError(`Migration ${name} cannot be applied: ${String(cause)}`, { cause })
  }
}
