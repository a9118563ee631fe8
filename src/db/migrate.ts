import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from './address.ts'
import {
  compareSchema,
  hasRecords,
  type Migration,
  MigrationError,
  readMigrations,
  type SchemaDifference,
} from './migrations.ts'
import { prepareSession } from './session.ts'
import { lockHolders, locksOf, TablesInUse, takeLocks } from './table-locks.ts'

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

/** Milliseconds between attempts to take the lock, and between log entries that name the holders of locks. */
const LOCK_RETRY_INTERVAL = 200
const LOG_INTERVAL = 10_000

/** Milliseconds between attempts to lock tables; doubles from the first to the last. */
const FIRST_TABLES_INTERVAL = 100
const LAST_TABLES_INTERVAL = 5000

/**
 * Applies the pending migrations of this build. If several gateways start at the same time, one of them migrates and the
 * others wait.
 *
 * Each migration runs in a transaction that holds the lock, so the lock cannot outlive this process even if a pooler keeps
 * the connection. It first locks the tables that it changes, so that it cannot deadlock with commands of other nodes.
 *
 * @returns the names of the applied migrations
 * @throws MigrationError if an applied migration has changed or failed, or the schema is too new; then nothing is applied
 * @throws AbortError as soon as `signal` is aborted
 */
export async function migrate(databaseUrl: string, log: Logger, { signal }: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations()
  return await withSession(databaseUrl, { log, signal }, async (client, schema) => {
    const applied: string[] = []
    const { pending } = await differenceOf(client, migrations, log)
    // Spares most starts the lock, and waiting for it.
    if (pending.length === 0) return applied
    for (;;) {
      const name = await applyNext(client, { migrations, schema, signal, log })
      if (name === undefined) return applied
      log.info({ migration: name }, 'applied a migration')
      applied.push(name)
    }
  })
}

/**
 * Compares the schema of a database with this build, without changing anything and without taking the lock.
 *
 * @throws MigrationError if an applied migration has changed or failed, or the schema is too new
 */
export async function inspectSchema(databaseUrl: string, log: Logger): Promise<SchemaDifference> {
  const migrations = await readMigrations()
  return await withSession(databaseUrl, { log }, (client) => differenceOf(client, migrations, log))
}

async function differenceOf(
  client: pg.Client,
  migrations: readonly Migration[],
  log: Logger,
): Promise<SchemaDifference> {
  if (!(await hasRecords(client))) return { pending: migrations, unknown: [] }
  const difference = await compareSchema(client, migrations)
  const { unknown } = difference
  if (unknown.length > 0) log.debug({ migrations: unknown }, 'the database has migrations unknown to this version')
  return difference
}

/**
 * Refuses a database that lacks migrations of this build, for gateways that may not change the schema.
 *
 * @throws MigrationError
 */
export async function requireMigrated(databaseUrl: string, log: Logger): Promise<void> {
  const { pending } = await inspectSchema(databaseUrl, log)
  const [first] = pending
  if (!first) return
  const number = pending.length === 1 ? 'a migration' : `${pending.length} migrations`
  throw new MigrationError(
    `MIGRATE: is off, and the database lacks ${number} of this version, ${first.name} first: run rtc-gateway migrate.`,
  )
}

async function withSession<T>(
  databaseUrl: string,
  { log, signal }: { log: Logger; signal?: AbortSignal | undefined },
  work: (client: pg.Client, schema: string | undefined) => Promise<T>,
): Promise<T> {
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
    return await work(client, schema)
  } catch (error) {
    if (error instanceof MigrationError || signal?.aborted) throw error
    throw new MigrationError(`The database cannot be migrated: ${reasonOf(error)}`, { cause: error })
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** `insufficient_privilege` */
const NOT_PERMITTED = '42501'
const isNotPermitted = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === NOT_PERMITTED

const reasonOf = (error: unknown): string =>
  isNotPermitted(error)
    ? `${String(error)} (the role of DATABASE_URL needs CREATE on the schema; or run rtc-gateway migrate as its owner, ` +
      'and the gateway with MIGRATE=off)'
    : String(error)

interface MigrationContext extends MigrateOptions {
  readonly migrations: readonly Migration[]
  readonly schema: string | undefined
  readonly log: Logger
}

/** Applies the first pending migration. @returns its name, if there was one */
async function applyNext(client: pg.Client, context: MigrationContext): Promise<string | undefined> {
  let loggedAt = performance.now()
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await attemptNext(client, context, attempt)
    } catch (error) {
      if (!(error instanceof TablesInUse)) throw error
    }
    if (performance.now() - loggedAt >= LOG_INTERVAL) {
      loggedAt = performance.now()
      const [next] = (await compareSchema(client, context.migrations)).pending
      const holders = next && (await lockHolders(client, await locksOf(client, next.sql)))
      context.log.warn({ migration: next?.name, holders }, 'waiting for tables, which other sessions have locked')
    }
    await delay(Math.min(FIRST_TABLES_INTERVAL * 2 ** attempt, LAST_TABLES_INTERVAL), undefined, {
      ...(context.signal && { signal: context.signal }),
    })
  }
}

/** Applies the first pending migration in one transaction. @throws TablesInUse */
async function attemptNext(
  client: pg.Client,
  { migrations, schema, signal, log }: MigrationContext,
  attempt: number,
): Promise<string | undefined> {
  await beginLocked(client, { signal, log })
  try {
    if (schema !== undefined) await client.query(`CREATE SCHEMA IF NOT EXISTS ${client.escapeIdentifier(schema)}`)
    if (!(await hasRecords(client))) await client.query(CREATE_TABLE)
    const [next] = (await compareSchema(client, migrations)).pending
    if (next) {
      await takeLocks(client, await locksOf(client, next.sql), attempt)
      await apply(client, next)
    }
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
    throw new MigrationError(`Migration ${name} cannot be applied: ${reasonOf(cause)}`, { cause })
  }
}
