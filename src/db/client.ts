import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { type FailureCause, Failures } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import { noObserver, type Observer } from '../core/observer.ts'
import { addressOf, type DatabaseAddress } from './address.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { prepareSession } from './session.ts'
import type { Statements } from './statement.ts'
import { timed, withTimings } from './timed.ts'
import { reportUnavailable, unavailableFrom } from './unavailable.ts'
import { withZonedTimes } from './zoned-times.ts'

export interface Database {
  /**
   * While the database cannot be used, every operation fails with {@link Unavailable} within 5 seconds. Recovers as soon as
   * the database does.
   */
  readonly prisma: PrismaClient
  readonly statements: Statements
  /** @throws Unavailable with the reason if the database cannot be used, or cannot be written */
  check(): Promise<void>
  /** The connections of the pool. */
  pool(): PoolState
  /** Closes all connections after the statements in flight. Idempotent. */
  close(): Promise<void>
}

export interface PoolState {
  readonly idle: number
  readonly busy: number
  /** Statements that wait for a connection. */
  readonly waiting: number
  readonly max: number
}

export interface DatabaseOptions {
  readonly url: string
  readonly log: Logger
  /** Receives every failure to use the database. @default one that logs to `log` */
  readonly failures?: Failures
  readonly observer?: Observer
  /** Called with every SQL statement before it is sent. */
  readonly onStatement?: (sql: string) => void
}

const MAX_CONNECTIONS = 10
/** Those of the pool, and the one that listens for notices. */
export const CONNECTIONS_PER_NODE = MAX_CONNECTIONS + 1
/** Maximum wait for a free or new connection. */
const CONNECT_TIMEOUT_MS = 4000
const STATEMENT_TIMEOUT_MS = 4000
/** Client-side timeout, for a server that does not even report the statement timeout. */
const ANSWER_TIMEOUT_MS = 4500

/**
 * A statement that succeeds only if the server can extend a file. The table is dropped when the statement ends. Sent only
 * after a `disk_full` failure.
 */
const USE_DISK = `CREATE TEMPORARY TABLE rtc_disk_probe ON COMMIT DROP AS SELECT repeat('0', 100) FROM generate_series(1, 2000)`

/** Creates a client, which connects lazily. */
export function createDatabase({
  url,
  log,
  failures = new Failures(log),
  observer = noObserver,
  onStatement,
}: DatabaseOptions): Database {
  const address = addressOf(url)
  const pool = new pg.Pool(poolConfig(address))
  // The pool replaces a broken idle connection; without a listener, its error would crash the process.
  pool.on('error', (error) => log.debug({ err: error }, 'lost an idle database connection'))
  const factory = new PrismaPg(pool, address.schema === undefined ? {} : { schema: address.schema })
  const client = new PrismaClient({
    adapter: withTimings(withZonedTimes(factory), observer),
    errorFormat: 'minimal',
    // Longer than the timeouts of the pool, whose errors are more specific.
    transactionOptions: { maxWait: CONNECT_TIMEOUT_MS + ANSWER_TIMEOUT_MS },
    log: onStatement ? [{ emit: 'event', level: 'query' }] : [],
  })
  if (onStatement) client.$on('query', ({ query }) => onStatement(query))
  let isDiskFull = false
  const reporting = {
    isPoolBusy: () => pool.totalCount >= MAX_CONNECTIONS && pool.idleCount === 0,
    report(cause: FailureCause, error: unknown) {
      if (cause === 'disk_full') isDiskFull = true
      failures.report(cause, error)
    },
  }
  const prisma = reportUnavailable(client, reporting)
  const statements: Statements = {
    async run({ name, text }, values) {
      onStatement?.(text)
      try {
        const query = { ...(name !== undefined && { name }), text, values: [...values] }
        return (await timed('direct', pool.query(query), observer)).rows
      } catch (error) {
        throw unavailableFrom(error, reporting)
      }
    },
  }
  let closing: Promise<void> | undefined
  return {
    prisma,
    statements,
    async check() {
      // Reads still succeed while the disk is full.
      await statements.run({ text: isDiskFull ? USE_DISK : 'SELECT 1' }, [])
      isDiskFull = false
    },
    pool: () => ({
      idle: pool.idleCount,
      busy: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
      max: MAX_CONNECTIONS,
    }),
    close: () => (closing ??= client.$disconnect().then(() => pool.end())),
  }
}

function poolConfig({ connectionString, schema }: DatabaseAddress): pg.PoolConfig {
  return {
    connectionString,
    application_name: 'rtc-gateway',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // An unresponsive server must not keep a stopping process alive.
    allowExitOnIdle: true,
    // The pool awaits the promise, although its types do not declare it yet.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: (client) => prepareSession(client, { schema, statementTimeout: STATEMENT_TIMEOUT_MS }),
  }
}
