import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from './address.ts'
import { prepareSession } from './session.ts'

/** The database cannot be migrated to this build's schema. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

interface Migration {
  /** `<timestamp>_<name>`; migrations are applied in this order. */
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, in hexadecimal. */
  readonly checksum: string
}

/** A row of Prisma's table of migrations. */
interface MigrationRecord {
  migration_name: string
  checksum: string
  finished_at: Date | null
}

/** Resolves to the same directory from `src/db` and `dist/db`. */
const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** The advisory lock of `prisma migrate`. */
const LOCK = 72_707_369

/** Prisma's table of applied migrations, which Prisma's tools also use. */
const CREATE_TABLE = `
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
  /** Aborts the migration, also while it waits for the lock. */
  readonly signal?: AbortSignal | undefined
}

/** Milliseconds between attempts to take the lock, and between log entries that name its holder. */
const LOCK_RETRY_INTERVAL = 200
const LOG_INTERVAL = 10_000

/**
 * Applies the pending migrations of this build. If several gateways start at the same time, one of them migrates and the
 * others wait.
 *
 * Each migration runs in a transaction that holds the lock, so the lock cannot outlive this process even if a pooler keeps
 * the connection.
 *
 * @returns the names of the applied migrations
 * @throws MigrationError if an applied migration has changed or failed; then nothing is applied
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
  // The error also rejects the pending query.
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

interface MigrationContext extends MigrateOptions {
  readonly migrations: readonly Migration[]
  readonly schema: string | undefined
  readonly log: Logger
}

/** Applies the first pending migration in one transaction. @returns its name, if there was one */
async function applyNext(
  client: pg.Client,
  { migrations, schema, signal, log }: MigrationContext,
): Promise<string | undefined> {
  await beginLocked(client, { signal, log })
  try {
    if (schema !== undefined) await client.query(`CREATE SCHEMA IF NOT EXISTS ${client.escapeIdentifier(schema)}`)
    const [next] = pendingOf(migrations, await readRecords(client), log)
    if (next) await apply(client, next)
    await client.query('COMMIT')
    return next?.name
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Begins a transaction with the lock. Polls instead of blocking, to allow aborting and logging the holder. */
async function beginLocked(
  client: pg.Client,
  { signal, log }: Pick<MigrationContext, 'signal' | 'log'>,
): Promise<void> {
  let loggedAt = Number.NEGATIVE_INFINITY
  for (;;) {
    signal?.throwIfAborted()
    await client.query('BEGIN')
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [LOCK])
    if (rows[0]?.taken) return
    if (performance.now() - loggedAt >= LOG_INTERVAL) {
      loggedAt = performance.now()
      const { rows: holders } = await client.query(HOLDERS, [LOCK])
      log.warn({ holders }, 'waiting for the migration lock, which another process holds')
    }
    await client.query('ROLLBACK')
    await delay(LOCK_RETRY_INTERVAL, undefined, { ...(signal && { signal }) })
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

async function readRecords(client: pg.Client): Promise<MigrationRecord[]> {
  const { rows: tables } = await client.query(`SELECT WHERE to_regclass('"_prisma_migrations"') IS NOT NULL`)
  if (tables.length === 0) {
    await client.query(CREATE_TABLE)
    return []
  }
  const { rows } = await client.query<MigrationRecord>(
    'SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL',
  )
  return rows
}

/** Ignores records of other migrations: another application or a newer gateway may share the table. */
function pendingOf(migrations: readonly Migration[], records: readonly MigrationRecord[], log: Logger): Migration[] {
  const byName = new Map(records.map((record) => [record.migration_name, record]))
  for (const { name, checksum } of migrations) {
    const record = byName.get(name)
    if (!record) continue
    byName.delete(name)
    if (!record.finished_at) {
      throw new MigrationError(
        `Migration ${name} has failed in this database. Repair the database, then mark the migration as applied or ` +
          'rolled back with `prisma migrate resolve`.',
      )
    }
    if (record.checksum !== checksum) {
      throw new MigrationError(`Migration ${name} differs from the one applied to this database: its file has changed.`)
    }
  }
  if (byName.size > 0)
    log.debug({ migrations: [...byName.keys()] }, 'the database has migrations unknown to this version')
  const applied = new Set(records.map((record) => record.migration_name))
  return migrations.filter(({ name }) => !applied.has(name))
}

/** Runs a migration and records it. */
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
