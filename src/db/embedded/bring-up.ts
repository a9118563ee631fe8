import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../core/logger.ts'
import type { Cluster } from './cluster.ts'
import { EmbeddedServerError } from './failure.ts'
import { takeLease, type ServerLease } from './lease.ts'
import { findPostmaster, removeStaleLock } from './postmaster.ts'
import type { ServerProcess } from './server-process.ts'
import { endServer } from './shut-down.ts'

export interface RunningServer {
  readonly lease: ServerLease
  readonly pid: number
  readonly port: number
  /** Started by another process. */
  readonly adopted: boolean
}

export interface BringUpOptions {
  readonly spawn: () => Promise<ServerProcess>
  readonly signal?: AbortSignal
  readonly log: Logger
}

const POLL_MS = 15
const ANNOUNCE_AFTER_MS = 2000
/** Long enough for crash recovery, which replays at most about 1 GB. */
const TIMEOUT_S = 120
/** Retries for transient obstacles: a port that was just taken, or children of a killed server that hold its memory. */
const ATTEMPTS = 6

/**
 * Brings up the server of a cluster. Polls the data directory: waits for a server that is starting, recovering or shutting
 * down, and spawns one only if there is none. Ends a server that it has spawned but cannot use.
 *
 * @throws EmbeddedServerError
 * @throws AbortError as soon as `signal` is aborted
 */
export async function bringUp(cluster: Cluster, options: BringUpOptions): Promise<RunningServer> {
  const { spawn, signal, log } = options
  const startedAt = performance.now()
  const elapsed = () => performance.now() - startedAt
  let isAnnounced = false
  let spawned: ServerProcess | undefined
  let attempts = 0
  let lastError: unknown
  while (elapsed() < TIMEOUT_S * 1000) {
    if (signal?.aborted) {
      if (spawned?.pid !== undefined) await endServer(spawned.pid, cluster.dir, log)
      signal.throwIfAborted()
    }
    const server = await findPostmaster(cluster.dir)
    if (server?.ready) {
      try {
        const lease = await takeLease(cluster, server.port, log)
        return { lease, pid: server.pid, port: server.port, adopted: server.pid !== spawned?.pid }
      } catch (error) {
        if (error instanceof EmbeddedServerError) {
          if (server.pid === spawned?.pid) await endServer(server.pid, cluster.dir, log)
          throw error
        }
        lastError = error
      }
    } else if (!server && (spawned?.hasEnded() ?? true)) {
      if (spawned && attempts === ATTEMPTS) {
        throw new EmbeddedServerError('it exits immediately after it starts', { output: await spawned.output() })
      }
      await delay(attempts && POLL_MS * 2 ** attempts)
      attempts += 1
      await removeStaleLock(cluster.dir)
      spawned = await spawn()
    }
    if (!isAnnounced && elapsed() > ANNOUNCE_AFTER_MS) {
      log.info({ server: server?.pid }, 'waiting for the database server to start, to recover or to shut down')
      isAnnounced = true
    }
    await delay(POLL_MS)
  }
  // Leave a recovering server running, so that the next start finds the recovery further along.
  throw new EmbeddedServerError(`${cluster.dir} is not ready after ${TIMEOUT_S} seconds`, {
    output: spawned ? await spawned.output() : '',
    cause: lastError,
  })
}
