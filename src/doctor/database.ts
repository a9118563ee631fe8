import { performance } from 'node:perf_hooks'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from '../db/address.ts'
import { CONNECTIONS_PER_NODE } from '../db/client.ts'
import { inspectSchema } from '../db/migrate.ts'
import { MigrationError } from '../db/migrations.ts'
import { clockFinding } from './clock.ts'
import { ANSWER_TIMEOUT, fail, type Finding, ok, reasonOf, warn } from './finding.ts'

/** The oldest release of PostgreSQL that the gateway is tried with. */
const OLDEST_SERVER = 15
/** Milliseconds: each command waits for two statements or more. */
const SLOW = 20
const SAMPLES = 9

/** Inspects a database that can be reached. */
export async function checkDatabase(url: string, { log }: { readonly log: Logger }): Promise<Finding[]> {
  const { connectionString } = addressOf(url)
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: ANSWER_TIMEOUT,
    query_timeout: ANSWER_TIMEOUT,
    application_name: 'rtc-gateway doctor',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return [
      await checkServer(client, new URL(connectionString).host),
      await checkConnections(client),
      await checkClock(client),
      await checkSchema(url, log),
    ]
  } catch (error) {
    return [fail('database', `cannot be used: ${reasonOf(error)}`, 'check DATABASE_URL and the log of the server')]
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function checkServer(client: pg.Client, host: string): Promise<Finding> {
  const { rows } = await client.query<{ version: string; number: number; readonly: boolean }>(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
            current_setting('server_version_num')::int AS number,
            pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool AS readonly`,
  )
  const { version = '', number = 0, readonly = false } = rows[0] ?? {}
  const latency = await medianLatency(client)
  const found = `PostgreSQL ${version} at ${host} answers in ${latency.toFixed(1)} ms and keeps sessions`
  if (readonly) return fail('database', `${found}, but is read-only`, 'set DATABASE_URL to the primary server')
  if (number < OLDEST_SERVER * 10_000) {
    return warn('database', found, `upgrade: the gateway is tried with PostgreSQL ${OLDEST_SERVER} and later`)
  }
  if (latency > SLOW) return warn('database', found, 'move the gateway nearer to the database')
  return ok('database', found)
}

async function medianLatency(client: pg.Client): Promise<number> {
  const samples: number[] = []
  for (let index = 0; index < SAMPLES; index += 1) {
    const startedAt = performance.now()
    await client.query('SELECT 1')
    samples.push(performance.now() - startedAt)
  }
  return samples.toSorted((a, b) => a - b)[Math.floor(SAMPLES / 2)] ?? 0
}

async function checkConnections(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ free: number; max: number }>(
    `SELECT current_setting('max_connections')::int AS max,
            current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
              - count(*) FILTER (WHERE backend_type = 'client backend')::int AS free
       FROM pg_stat_activity`,
  )
  const { free = 0, max = 0 } = rows[0] ?? {}
  const found = `${free} of ${max} connections are free; a node uses up to ${CONNECTIONS_PER_NODE}`
  return free < CONNECTIONS_PER_NODE
    ? warn('connections', found, 'raise max_connections, or run fewer nodes')
    : ok('connections', found)
}

async function checkClock(client: pg.Client): Promise<Finding> {
  const sentAt = Date.now()
  const { rows } = await client.query<{ now: number }>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
  )
  const receivedAt = Date.now()
  return clockFinding("the database's clock", (rows[0]?.now ?? 0) - (sentAt + receivedAt) / 2)
}

async function checkSchema(url: string, log: Logger): Promise<Finding> {
  try {
    const { pending, unknown } = await inspectSchema(url, log)
    const [first] = pending
    if (first) {
      const found = `${pending.length} are pending, ${first.name} first`
      return warn('migrations', found, 'run rtc-gateway migrate; with MIGRATE=auto the next start applies them')
    }
    const newer = unknown.length > 0 ? `; ${unknown.length} more are of a newer version, which this one can use` : ''
    return ok('migrations', `all of this version are applied${newer}`)
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    return fail('migrations', error.message.replace(/\.$/, ''), 'see docs/operations/upgrade.md')
  }
}
