import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { Log } from '../core/log.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { reportUnavailable } from './unavailable.ts'

export interface Database {
  /**
   * When the database cannot be reached, every operation fails with an `RtcError` of code UNAVAILABLE, within 5 seconds;
   * it works again as soon as the database does.
   */
  readonly prisma: PrismaClient
  /** Ends all connections once the statements under way have ended. May be called again. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  readonly log: Log
  /** Sees every SQL statement as it is sent. */
  readonly onStatement?: (sql: string) => void
}

const MAX_CONNECTIONS = 10
/** For a connection, free or new. */
const CONNECT_TIMEOUT_MS = 4000
const STATEMENT_TIMEOUT_MS = 4000
/** For a server that does not even say that the statement has timed out. */
const ANSWER_TIMEOUT_MS = 4500

/** Makes a client. It connects when first used. */
export function createDatabase({ url, log, onStatement }: DatabaseOptions): Database {
  const pool = new pg.Pool(poolConfig(url))
  // The pool replaces an idle connection that breaks; without a listener, its error would end the process.
  pool.on('error', (error) => log.debug({ err: error }, 'lost an idle database connection'))
  const client = new PrismaClient({
    adapter: new PrismaPg(pool),
    errorFormat: 'minimal',
    // The pool gives up earlier, and its errors say more.
    transactionOptions: { maxWait: CONNECT_TIMEOUT_MS + ANSWER_TIMEOUT_MS },
    log: onStatement ? [{ emit: 'event', level: 'query' }] : [],
  })
  if (onStatement) client.$on('query', ({ query }) => onStatement(query))
  const prisma = reportUnavailable(client)
  let closing: Promise<void> | undefined
  return {
    prisma,
    close: () => (closing ??= client.$disconnect().then(() => pool.end())),
  }
}

function poolConfig(url: string): pg.PoolConfig {
  const { base, options } = splitOptions(url)
  return {
    connectionString: base,
    // The driver adapter reads and writes times without their zone.
    options: `${options} -c timezone=UTC -c statement_timeout=${STATEMENT_TIMEOUT_MS}`.trim(),
    application_name: 'rtc-gateway',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // A server that does not answer must not keep a stopping process alive.
    allowExitOnIdle: true,
  }
}

/** `pg` prefers the `options` of a URL to its own, so that ours would be lost. */
function splitOptions(url: string): { base: string; options: string } {
  if (!url.includes('options=')) return { base: url, options: '' }
  const parsed = new URL(url)
  const options = parsed.searchParams.get('options') ?? ''
  parsed.searchParams.delete('options')
  return { base: parsed.href, options }
}
