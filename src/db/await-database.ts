import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from './address.ts'

/** The database that DATABASE_URL names cannot be used. Its message is one sentence for whoever starts the gateway. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError'

  constructor(reason: string, cause?: unknown) {
    super(`DATABASE_URL: ${reason}`, cause === undefined ? undefined : { cause })
  }
}

export interface AwaitOptions {
  readonly url: string
  /** Seconds for which a database that cannot be reached is waited for. */
  readonly wait: number
  readonly signal: AbortSignal
  readonly log: Logger
}

/** Milliseconds. */
const ATTEMPT_TIMEOUT = 5000
const PAUSE = 500
const SAY_INTERVAL = 5000

/**
 * Waits until the database of a URL answers, then makes sure that a pooler in between keeps sessions.
 *
 * @throws DatabaseUrlError at once when the server refuses us, and after `wait` seconds when it cannot be reached
 * @throws AbortError as soon as `signal` is aborted
 */
export async function awaitDatabase({ url, wait, signal, log }: AwaitOptions): Promise<void> {
  const began = performance.now()
  const left = () => wait * 1000 - (performance.now() - began)
  let said = Number.NEGATIVE_INFINITY
  for (;;) {
    const failure = await attempt(url, signal)
    if (!failure) return
    signal.throwIfAborted()
    if (failure.isFinal || left() <= 0) {
      const waited = failure.isFinal ? '' : `; waited ${wait} seconds (DATABASE_WAIT)`
      throw new DatabaseUrlError(`${failure.reason}${waited}`, failure.cause)
    }
    if (performance.now() - said >= SAY_INTERVAL) {
      said = performance.now()
      log.warn({ left: Math.ceil(left() / 1000) }, `waiting for the database: ${failure.reason}`)
    }
    await delay(Math.min(PAUSE, Math.max(left(), 0)), undefined, { signal })
  }
}

interface Failure {
  readonly reason: string
  /** Waiting does not help. */
  readonly isFinal: boolean
  readonly cause?: unknown
}

async function attempt(url: string, signal: AbortSignal): Promise<Failure | undefined> {
  const clients: pg.Client[] = []
  const abort = () => {
    for (const client of clients) endAtOnce(client)
  }
  signal.addEventListener('abort', abort)
  try {
    for (const _ of ['one', 'another']) {
      const client = clientFor(url)
      clients.push(client)
      await client.connect()
    }
    return (await keepSessions(clients)) ? undefined : { reason: TRANSACTION_POOLING, isFinal: true }
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
  // An error of the connection also fails what waits for it.
  client.on('error', () => undefined)
  return client
}

function endAtOnce(client: pg.Client): void {
  client.end().catch(() => undefined)
}

const TRANSACTION_POOLING =
  'the pooler there shares its connections between statements or transactions, so that settings and LISTEN do not ' +
  'hold; the gateway needs sessions (PgBouncer: pool_mode = session), or the address of PostgreSQL itself'

/** Two sessions that are open at the same time have a server process each, and keep it. */
async function keepSessions(clients: readonly pg.Client[]): Promise<boolean> {
  const owners = new Map<number, pg.Client>()
  const served = new Map<pg.Client, number>()
  for (const client of [...clients, ...clients, ...clients]) {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const pid = rows[0]?.pid ?? 0
    if ((owners.get(pid) ?? client) !== client || (served.get(client) ?? pid) !== pid) return false
    owners.set(pid, client)
    served.set(client, pid)
  }
  return true
}

/** SQLSTATE classes that do not pass by themselves: invalid authorization, no such database. */
const FINAL_STATES = /^(28|3D)/
/** A server that is not what the URL says. */
const FINAL_CODES = /^(ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|ERR_INVALID_URL|EACCES)/

function explain(error: unknown, url: string): Omit<Failure, 'cause'> {
  // One error per address of a host.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const message = first instanceof Error ? first.message : String(first)
  const { host, hostname, pathname, username } = new URL(url)
  if (first instanceof pg.DatabaseError) {
    const isFinal = FINAL_STATES.test(first.code ?? '')
    const who = `user ${JSON.stringify(decodeURIComponent(username))}, database ${JSON.stringify(pathname.slice(1))}`
    return { reason: `the server at ${host} says: ${message} (${who})`, isFinal }
  }
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  return {
    reason: `the database at ${host || hostname || 'that address'} cannot be reached: ${message}`,
    isFinal: FINAL_CODES.test(code),
  }
}
