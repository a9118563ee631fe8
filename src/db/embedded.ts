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

/** A PostgreSQL server that the gateway runs for itself. */
export interface DatabaseServer {
  /** For `pg` and Prisma. It holds the password. */
  readonly url: string
  /** It ran already: left behind by a gateway that was killed, or shared with one that is alive. */
  readonly adopted: boolean
  /** Stops the server and waits for its end, unless another gateway uses it. May be called again. */
  stop(): Promise<void>
}

export interface EmbeddedServerOptions {
  /** Gets the data in `postgres/` and the server's own log in `postgres.log`. Made if absent. */
  readonly dataDir: string
  readonly log: Logger
  /** Ends a start that is under way, and the server with it. */
  readonly signal?: AbortSignal
  /** Server settings beside the default ones, by name. */
  readonly settings?: Settings
}

/** The application's database. */
const DATABASE = 'rtc'

/**
 * Starts the default server on 127.0.0.1, or adopts the one that runs on the data directory already.
 *
 * The server outlives this process if it is killed; if the server is killed, it is started again on the same port.
 *
 * @throws EmbeddedServerError with the server's own words when it cannot run here
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
  // Clients know the port: a server that is started again listens there.
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

/** Another gateway has made it since we looked: `duplicate_database`, or `unique_violation` in its catalogue. */
const isDuplicate = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && (error.code === '42P04' || error.code === '23505')
