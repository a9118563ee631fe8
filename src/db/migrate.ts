import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from './address.ts'
import { prepareSession } from './session.ts'

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

export interface MigrateOptions {
  /** Ends a wait for the lock, and what is under way. */
  readonly signal?: AbortSignal | undefined
}

/** Milliseconds between two tries to get the lock, and between two lines that say who has it. */
const LOCK_PAUSE = 200
const SAY_INTERVAL = 10_000

/**
 * Brings a database up to this build's migrations. Of several gateways that start together one does the work,
 * and the others wait for it.
 *
 * Each migration is one transaction, and the lock is that transaction's: it cannot outlive this process, also where a
 * pooler keeps the connection.
 *
 * @returns names of the migrations that it has applied
 * @throws MigrationError when an applied migration has changed or failed; then nothing is applied
 * @throws AbortError as soon as `signal` is aborted
 */
export async function migrate(databaseUrl: string, log: Logger, { signal }: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations()
  const { connectionString, schema } = addressOf(databaseUrl)
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: 5000,
    application_name: 'rtc-gateway migrate',
  })
  // An error of the connection also fails the query that waits for it.
  client.on('error', (error) => log.debug({ err: error }, 'lost the connection while migrating'))
  try {
    await client.connect()
    await prepareSession(client, { schema })
    const applied: string[] = []
    for (;;) {
      const name = await applyNext(client, { migrations, schema, signal, log })
      if (name === undefined) return applied
      log.info({ migration: name }, 'applied a migration')
      applied.push(name)
    }
  } catch (error) {
    if (error instanceof MigrationError || signal?.aborted) throw error
    throw new MigrationError(`The database cannot be migrated: ${String(error)}`, { cause: error })
  } finally {
    await client.end().catch(() => undefined)
  }
}

interface Work extends MigrateOptions {
  readonly migrations: readonly Migration[]
  readonly schema: string | undefined
  readonly log: Logger
}

/** One transaction: the lock, then the first migration that is pending. @returns its name, if there was one */
async function applyNext(client: pg.Client, { migrations, schema, signal, log }: Work): Promise<string | undefined> {
  await beginLocked(client, { signal, log })
  try {
    if (schema !== undefined) await client.query(`CREATE SCHEMA IF NOT EXISTS ${client.escapeIdentifier(schema)}`)
    const [next] = pendingOf(migrations, await readBook(client), log)
    if (next) await apply(client, next)
    await client.query('COMMIT')
    return next?.name
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Begins a transaction that has the lock. Tries rather than waits, so that it can be stopped and can say who has it. */
async function beginLocked(client: pg.Client, { signal, log }: Pick<Work, 'signal' | 'log'>): Promise<void> {
  let said = Number.NEGATIVE_INFINITY
  for (;;) {
    signal?.throwIfAborted()
    await client.query('BEGIN')
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [LOCK])
    if (rows[0]?.taken) return
    if (performance.now() - said >= SAY_INTERVAL) {
      said = performance.now()
      const { rows: holders } = await client.query(HOLDERS, [LOCK])
      log.warn({ holders }, 'waiting for the migration lock, which another process holds')
    }
    await client.query('ROLLBACK')
    await delay(LOCK_PAUSE, undefined, { ...(signal && { signal }) })
  }
}

const HOLDERS = `
  SELECT activity.pid, application_name AS application, client_addr::text AS address, backend_start AS since
    FROM pg_locks lock JOIN pg_stat_activity activity USING (pid)
   WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objid = $1 AND lock.classid = 0
     AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())`

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

/** Only rows of our own migrations count: the book may be shared with another application, or a newer gateway. */
function pendingOf(migrations: readonly Migration[], book: readonly Entry[], log: Logger): Migration[] {
  const entries = new Map(book.map((entry) => [entry.migration_name, entry]))
  for (const { name, checksum } of migrations) {
    const entry = entries.get(name)
    if (!entry) continue
    entries.delete(name)
    if (!entry.finished_at) {
      throw new MigrationError(
        `Migration ${name} has failed in this database. Repair the database, then record that it is applied or ` +
          'rolled back with `prisma migrate resolve`.',
      )
    }
    if (entry.checksum !== checksum) {
      throw new MigrationError(`Migration ${name} is not the one that this database has applied: its file has changed.`)
    }
  }
  if (entries.size > 0) log.debug({ migrations: [...entries.keys()] }, 'the database has migrations that are not ours')
  const applied = new Set(book.map((entry) => entry.migration_name))
  return migrations.filter(({ name }) => !applied.has(name))
}

/** The migration and its entry in the book. */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query(sql)
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    )
  } catch (cause) {
    throw new MigrationError(`Migration ${name} cannot be applied: ${String(cause)}`, { cause })
  }
}
