import pg from 'pg'

/** A lock on a table, as `LOCK TABLE … IN … MODE` takes it. */
export interface TableLock {
  readonly table: string
  readonly mode: 'ACCESS EXCLUSIVE' | 'SHARE ROW EXCLUSIVE'
}

/** From a keyword to the end of a statement that needs the strongest lock on the tables that it names. */
const ALTERATION = /\b(?:ALTER|DROP|TRUNCATE)\b[^;]*/gi
const COMMENT = /--.*$/gm
/** A foreign key needs the weaker lock on the table that it refers to. */
const REFERENCED = /\bREFERENCES\s+"\w+"/gi
const IDENTIFIER = /"(\w+)"/g

const namesIn = (sql: string): string[] => Array.from(sql.matchAll(IDENTIFIER), ([, name = '']) => name)

const EXISTING = `
  SELECT table_.relname AS "table", ARRAY(
           SELECT index.relname::text FROM pg_index JOIN pg_class index ON index.oid = indexrelid WHERE indrelid = table_.oid
         ) AS indexes
    FROM pg_class table_
   WHERE table_.relkind IN ('r', 'p') AND table_.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
   ORDER BY table_.relname`

/**
 * The locks that a migration needs on tables that exist: those that it names, itself or by an index.
 *
 * @param sql - names tables and indexes in double quotes
 */
export async function locksOf(client: pg.ClientBase, sql: string): Promise<TableLock[]> {
  const statements = sql.replaceAll(COMMENT, '')
  const named = new Set(namesIn(statements))
  const altered = new Set(
    (statements.match(ALTERATION) ?? []).flatMap((text) => namesIn(text.replaceAll(REFERENCED, ''))),
  )
  const { rows } = await client.query<{ table: string; indexes: string[] }>(EXISTING)
  return rows
    .map(({ table, indexes }) => ({ table, names: [table, ...indexes] }))
    .filter(({ names }) => names.some((name) => named.has(name)))
    .map(({ table, names }) => ({
      table,
      mode: names.some((name) => altered.has(name)) ? 'ACCESS EXCLUSIVE' : 'SHARE ROW EXCLUSIVE',
    }))
}

/** Other sessions keep a table for too long: the transaction has to be rolled back, and may be attempted again. */
export class TablesInUse extends Error {
  override readonly name = 'TablesInUse'
}

/**
 * Milliseconds that an attempt waits for its first lock: longer than PostgreSQL's `deadlock_timeout` (1 s), after which the
 * server cancels an autovacuum that holds the table.
 */
const FIRST_LOCK_TIMEOUT = 1500
/**
 * Milliseconds that the first lock may have taken, and that the further locks may take. A statement that waits for a lock
 * of the attempt, and holds one that the attempt waits for, is aborted as part of a deadlock after `deadlock_timeout`. Both
 * together take less, so that the attempt ends before.
 */
const FIRST_LOCK_LIMIT = 300
const FURTHER_LOCKS_TIMEOUT = 500

/**
 * Takes locks in the current transaction until its end; later statements that need no other locks cannot deadlock.
 *
 * @param attempt - number of attempts before this one; each begins with another table
 * @throws TablesInUse
 */
export async function takeLocks(client: pg.ClientBase, locks: readonly TableLock[], attempt: number): Promise<void> {
  const start = locks.length > 0 ? attempt % locks.length : 0
  const [first, ...further] = [...locks.slice(start), ...locks.slice(0, start)]
  try {
    if (first) {
      const began = performance.now()
      await take(client, first, FIRST_LOCK_TIMEOUT)
      if (further.length > 0 && performance.now() - began > FIRST_LOCK_LIMIT) throw new TablesInUse()
    }
    for (const lock of further) await take(client, lock, Math.ceil(FURTHER_LOCKS_TIMEOUT / further.length))
  } catch (error) {
    throw isLockTimeout(error) ? new TablesInUse('', { cause: error }) : error
  }
  await client.query('SET LOCAL lock_timeout = 0')
}

async function take(client: pg.ClientBase, { table, mode }: TableLock, timeout: number): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${timeout}`)
  await client.query(`LOCK TABLE ${pg.escapeIdentifier(table)} IN ${mode} MODE`)
}

/** `lock_not_available` */
const LOCK_NOT_AVAILABLE = '55P03'
const isLockTimeout = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE

/** A session that has a lock on a table. */
export interface LockHolder {
  readonly pid: number
  /** `client backend`, `autovacuum worker`, … */
  readonly kind: string
  readonly application: string
  readonly address: string | null
  readonly transactionSince: Date | null
}

/** The sessions that have locks on the tables, other than that of the client. */
export async function lockHolders(client: pg.ClientBase, locks: readonly TableLock[]): Promise<LockHolder[]> {
  const { rows } = await client.query<LockHolder>(HOLDERS, [locks.map(({ table }) => table)])
  return rows
}

const HOLDERS = `
  SELECT DISTINCT activity.pid, backend_type AS kind, application_name AS application, client_addr::text AS address,
         xact_start AS "transactionSince"
    FROM pg_locks lock JOIN pg_stat_activity activity USING (pid) JOIN pg_class ON pg_class.oid = lock.relation
   WHERE lock.granted AND relname = ANY($1) AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
     AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND activity.pid <> pg_backend_pid()`
