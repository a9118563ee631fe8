import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../core/logger.ts'
import type { Cluster } from './cluster.ts'
import { EmbeddedServerError } from './failure.ts'
import { takeLease, type ServerLease } from './lease.ts'
import { findPostmaster, removeStaleLock } from './postmaster.ts'
import type { ServerProcess } from './server-process.ts'
import { endServer } from './shut-down.ts'

export interface Running {
  readonly lease: ServerLease
  readonly pid: number
  readonly port: number
  /** Somebody else has started it. */
  readonly adopted: boolean
}

export interface BringUpOptions {
  readonly spawn: () => Promise<ServerProcess>
  readonly signal?: AbortSignal
  readonly log: Logger
}

const POLL_MS = 15
const ANNOUNCE_AFTER_MS = 2000
/** Recovery after a crash replays at most about 1 GB. */
const TIMEOUT_S = 120
/** A port that somebody has just taken, or processes of a killed server that still hold its memory: both pass. */
const ATTEMPTS = 6

/**
 * Brings up the server of a cluster. Looks again and again: whatever lives on the data directory is waited for,
 * be it starting, recovering or shutting down; only when nothing lives there is a server spawned. A server that it has
 * spawned and then refuses is ended again.
 *
 * @throws EmbeddedServerError
 * @throws AbortError as soon as `signal` is aborted
 */
export async function bringUp(cluster: Cluster, options: BringUpOptions): Promise<Running> {
  const { spawn, signal, log } = options
  const began = performance.now()
  const elapsed = () => performance.now() - began
  let announced = false
  let spawned: ServerProcess | undefined
  let attempts = 0
  let obstacle: unknown
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
        obstacle = error
      }
    } else if (!server && (spawned?.hasEnded() ?? true)) {
      if (spawned && attempts === ATTEMPTS) {
        throw new EmbeddedServerError('it ends as soon as it starts', { said: await spawned.said() })
      }
      await delay(attempts && POLL_MS * 2 ** attempts)
      attempts += 1
      await removeStaleLock(cluster.dir)
      spawned = await spawn()
    }
    if (!announced && elapsed() > ANNOUNCE_AFTER_MS) {
      log.info({ server: server?.pid }, 'waiting for the database server to start, to recover or to shut down')
      announced = true
    }
    await delay(POLL_MS)
  }
  // A server that still recovers is left alone, so that the next start finds it further.
  throw new EmbeddedServerError(`${cluster.dir} is not ready after ${TIMEOUT_S} seconds`, {
    said: spawned ? await spawned.said() : '',
    cause: obstacle,
  })
}
