import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { type FailureCause, Failures } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import { addressOf, type DatabaseAddress } from './address.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { prepareSession } from './session.ts'
import type { Statements } from './statement.ts'
import { reportUnavailable, unavailableFrom } from './unavailable.ts'
import { sendingZones } from './zoned-times.ts'

export interface Database {
  /**
   * When the database cannot be used, every operation fails with {@link Unavailable}, within 5 seconds; it works again
   * as soon as the database does.
   */
  readonly prisma: PrismaClient
  readonly statements: Statements
  /** @throws Unavailable with the reason when the database cannot be used, also when it only cannot be written */
  check(): Promise<void>
  /** Ends all connections once the statements under way have ended. May be called again. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  readonly log: Logger
  /** Hears of every operation that the database could not be used for. @default one that logs to `log` */
  readonly failures?: Failures
  /** Sees every SQL statement as it is sent. */
  readonly onStatement?: (sql: string) => void
}

const MAX_CONNECTIONS = 10
/** For a connection, free or new. */
const CONNECT_TIMEOUT_MS = 4000
const STATEMENT_TIMEOUT_MS = 4000
/** For a server that does not even say that the statement has timed out. */
const ANSWER_TIMEOUT_MS = 4500

/**
 * A statement that the server can only carry out if it can make a file longer. The table is gone when the statement has
 * ended, and the statement is sent only after the disk was full.
 */
const USE_DISK = `CREATE TEMPORARY TABLE rtc_disk_probe ON COMMIT DROP AS SELECT repeat('0', 100) FROM generate_series(1, 2000)`

/** Makes a client. It connects when first used. */
export function createDatabase({ url, log, failures = new Failures(log), onStatement }: DatabaseOptions): Database {
  const address = addressOf(url)
  const pool = new pg.Pool(poolConfig(address))
  // The pool replaces an idle connection that breaks; without a listener, its error would end the process.
  pool.on('error', (error) => log.debug({ err: error }, 'lost an idle database connection'))
  const client = new PrismaClient({
    adapter: sendingZones(new PrismaPg(pool, address.schema === undefined ? {} : { schema: address.schema })),
    errorFormat: 'minimal',
    // The pool gives up earlier, and its errors say more.
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
  let closing: Promise<void> | undefined
  return {
    prisma,
    statements: {
      async run({ name, text }, values) {
        onStatement?.(text)
        try {
          return (await pool.query({ name, text, values: [...values] })).rows
        } catch (error) {
          throw unavailableFrom(error, reporting)
        }
      },
    },
    async check() {
      // Reading goes on while the disk is full.
      await prisma.$executeRawUnsafe(isDiskFull ? USE_DISK : 'SELECT 1')
      isDiskFull = false
    },
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
    // A server that does not answer must not keep a stopping process alive.
    allowExitOnIdle: true,
    // The pool waits for the promise, which its types do not know yet.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: (client) => prepareSession(client, { schema, statementTimeout: STATEMENT_TIMEOUT_MS }),
  }
}
