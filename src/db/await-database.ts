import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from './address.ts'

/** The database of DATABASE_URL cannot be used. The message is one sentence for the operator. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError'

  constructor(reason: string, cause?: unknown) {
    super(`DATABASE_URL: ${reason}`, cause === undefined ? undefined : { cause })
  }
}

export interface AwaitOptions {
  readonly url: string
  /** Seconds to wait for a database that cannot be reached. */
  readonly wait: number
  readonly signal: AbortSignal
  readonly log: Logger
}

/** Milliseconds. */
const ATTEMPT_TIMEOUT = 5000
const RETRY_INTERVAL = 500
const LOG_INTERVAL = 5000

/**
 * Waits until the database of a URL can be reached, then checks that a pooler in between preserves sessions.
 *
 * @throws DatabaseUrlError immediately if the server refuses the connection, and after `wait` seconds if it cannot be reached
 * @throws AbortError as soon as `signal` is aborted
 */
export async function awaitDatabase({ url, wait, signal, log }: AwaitOptions): Promise<void> {
  const startedAt = performance.now()
  const remaining = () => wait * 1000 - (performance.now() - startedAt)
  let loggedAt = Number.NEGATIVE_INFINITY
  for (;;) {
    const failure = await attempt(url, signal)
    if (!failure) return
    signal.throwIfAborted()
    if (failure.isFinal || remaining() <= 0) {
      const waited = failure.isFinal ? '' : `; waited ${wait} seconds (DATABASE_WAIT)`
      throw new DatabaseUrlError(`${failure.reason}${waited}`, failure.cause)
    }
    if (performance.now() - loggedAt >= LOG_INTERVAL) {
      loggedAt = performance.now()
      log.warn({ secondsLeft: Math.ceil(remaining() / 1000) }, `waiting for the database: ${failure.reason}`)
    }
    await delay(Math.min(RETRY_INTERVAL, Math.max(remaining(), 0)), undefined, { signal })
  }
}

interface Failure {
  readonly reason: string
  /** Retrying cannot succeed. */
  readonly isFinal: boolean
  readonly cause?: unknown
}

async function attempt(url: string, signal: AbortSignal): Promise<Failure | undefined> {
  const clients = [clientFor(url), clientFor(url)]
  const abort = () => {
    for (const client of clients) endAtOnce(client)
  }
  signal.addEventListener('abort', abort)
  try {
    await Promise.all(clients.map((client) => client.connect()))
    return (await preservesSessions(clients)) ? undefined : { reason: TRANSACTION_POOLING, isFinal: true }
  } catch (cause) {
    return { ...explain(cause, url), cause }
  } finally {
    signal.removeEventListener('abort', abort)
    for (const client of clients) await Promise.race([client.end().catch(() => undefined), delay(1000)])
  }
}

function clientFor(url: string): pg.Client {
  const client = new pg.Client({
    connectionString: addressOf(url).connectionString,
    connectionTimeoutMillis: ATTEMPT_TIMEOUT,
    query_timeout: ATTEMPT_TIMEOUT,
    application_name: 'rtc-gateway start',
  })
  // The error also rejects the pending connect or query.
  client.on('error', () => undefined)
  return client
}

function endAtOnce(client: pg.Client): void {
  client.end().catch(() => undefined)
}

const TRANSACTION_POOLING =
  'the pooler shares connections between statements or transactions, so session settings and LISTEN are lost; the ' +
  'gateway requires sessions (PgBouncer: pool_mode = session), or a direct connection to PostgreSQL'

/** Whether each of two open sessions keeps a server process of its own. */
async function preservesSessions(clients: readonly pg.Client[]): Promise<boolean> {
  const clientOf = new Map<number, pg.Client>()
  const pidOf = new Map<pg.Client, number>()
  for (const client of [...clients, ...clients, ...clients]) {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const pid = rows[0]?.pid ?? 0
    if ((clientOf.get(pid) ?? client) !== client || (pidOf.get(client) ?? pid) !== pid) return false
    clientOf.set(pid, client)
    pidOf.set(client, pid)
  }
  return true
}

/** SQLSTATE classes that a retry cannot resolve: invalid authorization, no such database. */
const FINAL_STATES = /^(28|3D)/
/** Error codes for a server that does not match the URL. */
const FINAL_CODES = /^(ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|ERR_INVALID_URL|EACCES)/

function explain(error: unknown, url: string): Omit<Failure, 'cause'> {
  // An AggregateError contains one error per address of the host.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const message = first instanceof Error ? first.message : String(first)
  const { host, hostname, pathname, username } = new URL(url)
  if (first instanceof pg.DatabaseError) {
    const isFinal = FINAL_STATES.test(first.code ?? '')
    const account = `user ${JSON.stringify(decodeURIComponent(username))}, database ${JSON.stringify(pathname.slice(1))}`
    return { reason: `the server at ${host} refuses the connection: ${message} (${account})`, isFinal }
  }
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  return {
    reason: `the database at ${host || hostname || 'this address'} cannot be reached: ${message}`,
    isFinal: FINAL_CODES.test(code),
  }
}
