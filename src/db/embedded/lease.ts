import { Socket } from 'node:net'
import pg from 'pg'
import type { Logger } from '../../core/logger.ts'
import type { Cluster } from './cluster.ts'
import { ROLE } from './create-cluster.ts'
import { EmbeddedServerError } from './failure.ts'

/**
 * A gateway's lease on a server: a connection with a shared lock, which ends when the gateway exits for any reason. The
 * gateway that can take the lock exclusively is the last one, and stops the server.
 */
export interface ServerLease {
  /** Aborted when the connection, and with it the lease, is lost. */
  readonly lost: AbortSignal
  /** Releases the lease. True if there are no other leases; then no other gateway can take one until `close`. */
  release(): Promise<boolean>
  close(): Promise<void>
}

/** An arbitrary number, the same in every version of the gateway. */
const LOCK = 7_261_903

/** For an unresponsive server, or a gateway that does not release its exclusive lock. */
const TIMEOUT_MS = 5000

/** @returns a URL for `pg` and Prisma */
export const serverUrl = ({ password }: Cluster, port: number, database: string): string =>
  // Without `sslmode`, a PGSSLMODE in the gateway's environment would apply to a server that has no certificate.
  `postgresql://${ROLE}:${password}@127.0.0.1:${port}/${database}?sslmode=disable`

/**
 * Takes a lease on the server on a port, after checking that it serves this cluster.
 *
 * @throws EmbeddedServerError if it refuses the password
 * @throws Error if it cannot be reached at the moment
 */
export async function takeLease(cluster: Cluster, port: number, log: Logger): Promise<ServerLease> {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: serverUrl(cluster, port, 'postgres'),
    connectionTimeoutMillis: TIMEOUT_MS,
    lock_timeout: TIMEOUT_MS,
    query_timeout: 2 * TIMEOUT_MS,
    stream: () => socket,
  })
  const lost = new AbortController()
  let released = false
  client.on('error', (error) => {
    if (!released) log.warn({ err: error }, 'lost the connection to the embedded database server')
    lost.abort()
  })
  try {
    await client.connect()
    await expectCluster(client, cluster)
    await client.query('SELECT pg_advisory_lock_shared($1)', [LOCK])
  } catch (error) {
    released = true
    await client.end().catch(() => undefined)
    throw isRefusal(error)
      ? new EmbeddedServerError(`it refuses the password in ${cluster.dir}`, { cause: error })
      : error
  }
  // The lease must not keep this process alive.
  socket.unref()
  return {
    lost: lost.signal,
    async release() {
      released = true
      socket.ref()
      await client.query('SELECT pg_advisory_unlock_shared($1)', [LOCK])
      const { rows } = await client.query<{ alone: boolean }>('SELECT pg_try_advisory_lock($1) AS alone', [LOCK])
      return rows[0]?.alone ?? false
    },
    async close() {
      released = true
      await client.end().catch(() => undefined)
    },
  }
}

async function expectCluster(client: pg.Client, { dir }: Cluster): Promise<void> {
  const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
  if (rows[0]?.data_directory !== dir) throw new Error('another server uses this port')
}

/** SQLSTATE class 28: invalid authorization. */
const isRefusal = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code?.startsWith('28') === true
