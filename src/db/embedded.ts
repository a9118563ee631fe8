import { dirname, join } from 'node:path'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { findBinaries } from './embedded/binaries.ts'
import { bringUp } from './embedded/bring-up.ts'
import { openCluster } from './embedded/cluster.ts'
import { serverUrl } from './embedded/lease.ts'
import { spawnServer, type Settings } from './embedded/server-process.ts'
import { shutDown } from './embedded/shut-down.ts'
import { Supervisor } from './embedded/supervisor.ts'

/** The embedded PostgreSQL server. */
export interface DatabaseServer {
  /** URL for `pg` and Prisma, including the password. */
  readonly url: string
  /** The server was already running: started by a gateway that was killed, or by one that still uses it. */
  readonly adopted: boolean
  /** Stops the server and waits for its exit, unless another gateway uses it. Idempotent. */
  stop(): Promise<void>
}

export interface EmbeddedServerOptions {
  /** Directory for the data in `postgres/` and the server's log `postgres.log`. Created if absent. */
  readonly dataDir: string
  readonly log: Logger
  /** Aborts the start and stops the server. */
  readonly signal?: AbortSignal
  /** Server settings in addition to the defaults, by name. */
  readonly settings?: Settings
}

/** The application's database. */
const DATABASE = 'rtc'

/**
 * Starts the embedded server on 127.0.0.1, or adopts a server already running on the data directory.
 *
 * If this process is killed, the server keeps running. If the server is killed, it is restarted on the same port.
 *
 * @throws EmbeddedServerError with the server's output if it cannot run
 * @throws EmbeddedSetupError if the directory is read-only, or PostgreSQL is not installed
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<DatabaseServer> {
  const { dataDir, signal, log, settings } = options
  const binaries = await findBinaries()
  const cluster = await openCluster(dataDir, { binaries, log })
  const logFile = join(dirname(cluster.dir), 'postgres.log')
  const spawn = (port?: number) =>
    spawnServer(cluster, {
      postgres: binaries.postgres,
      logFile,
      settings: port === undefined ? settings : { ...settings, port: String(port) },
    })
  const running = await bringUp(cluster, { spawn, log, ...(signal && { signal }) })
  const { pid, port, adopted } = running
  try {
    await createDatabase(serverUrl(cluster, port, 'postgres'))
  } catch (error) {
    await shutDown(cluster, running.lease, log)
    throw error
  }
  log.info({ server: pid, port, logFile }, adopted ? 'adopted the database server' : 'started the database server')
  // A restarted server must use the same port, which clients have in their URL.
  const supervisor = new Supervisor(cluster, { running, spawn: () => spawn(port), log })
  let stopping: Promise<void> | undefined
  return {
    url: serverUrl(cluster, port, DATABASE),
    adopted,
    stop: () => (stopping ??= supervisor.stop().then((lease) => shutDown(cluster, lease, log))),
  }
}

async function createDatabase(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const { rows } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (rows.length === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  } catch (error) {
    if (!isDuplicate(error)) throw error
  } finally {
    await client.end()
  }
}

/** Another gateway created the database concurrently: `duplicate_database`, or `unique_violation` in the catalog. */
const isDuplicate = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && (error.code === '42P04' || error.code === '23505')
