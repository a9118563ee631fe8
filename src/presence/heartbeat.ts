import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { DEAD_AFTER } from '../core/timeouts.ts'
import type { Executor } from '../rooms/executor.ts'
import { type LeaseRow, type LeaseStore } from './lease-store.ts'
import type { ConnectedUsers } from './connected-users.ts'
import type { ConnectedUserStore } from './connected-user-store.ts'
import type { Leases } from './leases.ts'
import { PeriodicJob } from '../core/periodic-job.ts'

interface Dependencies {
  readonly nodeId: string
  readonly store: LeaseStore
  readonly executor: Pick<Executor, 'execute'>
  /** What the node counts, for the operator. */
  readonly figures: () => object
  readonly leases: Pick<Leases, 'writeAll' | 'retry' | 'settled'>
  readonly connectedUsers: Pick<ConnectedUsers, 'writeAll' | 'retry' | 'stop'>
  readonly connectedUserStore: Pick<ConnectedUserStore, 'deleteOrphans'>
  readonly log: Logger
  readonly observer: Observer
}

/** Milliseconds between two heartbeats. A dead node is detected up to this much later than `DEAD_AFTER`. */
const INTERVAL = 2_500
/** Orphaned leases, and orphaned connected users, per beat. */
const BATCH = 500
/** Heartbeats within `DEAD_AFTER`. */
const BEATS_UNTIL_DEAD = Math.ceil((DEAD_AFTER * 1000) / INTERVAL)

/** Writes the heartbeat of this node, and clears up after dead ones: begins the grace of their participants. */
export class Heartbeat {
  readonly #dependencies: Dependencies
  readonly #job: PeriodicJob
  /** Consecutive successful heartbeats since the start or the last database outage, capped. */
  #beats = 0

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#job = new PeriodicJob({ ...dependencies, name: 'heartbeat', interval: INTERVAL }, () => this.#beat())
  }

  /**
   * Resolves when other nodes see this one. Until then, they would take its leases for those of a dead node, so it must not
   * accept any stream. If the database cannot be written, neither can leases: the job tries again.
   */
  async start(): Promise<void> {
    const { store, nodeId, figures, log } = this.#dependencies
    await store.beat(nodeId, figures()).catch((error: unknown) => {
      log[levelOf(error)]({ err: error }, 'could not write the first heartbeat; will retry')
    })
    this.#job.start()
  }

  /** Call after all streams of this node have ended: waits for their leases, then deletes the node's row. */
  async stop(): Promise<void> {
    await this.#job.stop()
    const { store, nodeId, leases, connectedUsers, log } = this.#dependencies
    await leases.settled()
    await connectedUsers.stop()
    await store.deleteNode(nodeId).catch((error: unknown) => log.warn({ err: error }, 'could not delete the node'))
  }

  /** Resolves to whether more orphaned leases may be left. */
  async #beat(): Promise<boolean> {
    const { store, nodeId, leases, connectedUsers, connectedUserStore, figures } = this.#dependencies
    try {
      const { missed } = await store.beat(nodeId, figures())
      if (missed) {
        connectedUsers.writeAll()
        await leases.writeAll()
      }
      connectedUsers.retry()
      await leases.retry()
    } catch (error) {
      this.#beats = 0
      throw error
    }
    // After an outage, which a node that starts may have missed, gives the other nodes time for a heartbeat before any of
    // them counts as dead.
    this.#beats = Math.min(this.#beats + 1, BEATS_UNTIL_DEAD)
    if (this.#beats < BEATS_UNTIL_DEAD) return false
    const orphans = await store.orphans(BATCH)
    for (const orphan of orphans) await this.#expireLease(orphan)
    const deleted = await connectedUserStore.deleteOrphans(BATCH)
    return orphans.length === BATCH || deleted === BATCH
  }

  /** Begins the grace before it deletes the lease: if this node dies in between, another node repeats both. */
  async #expireLease(orphan: LeaseRow): Promise<void> {
    const { store, executor } = this.#dependencies
    const { roomId, userId, deviceId, nodeId } = orphan
    if (!(await store.isHeld(orphan, { except: nodeId }))) {
      await executor.execute(roomId, { type: 'disconnect', userId, deviceId })
    }
    await store.drop(orphan)
  }
}
