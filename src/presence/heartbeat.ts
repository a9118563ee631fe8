import type { Logger } from '../core/logger.ts'
import type { Executor } from '../rooms/executor.ts'
import { DEAD_AFTER, type LeaseRow, type LeaseStore } from './lease-store.ts'
import type { Leases } from './leases.ts'
import { PeriodicJob } from '../core/periodic-job.ts'

interface Dependencies {
  readonly nodeId: string
  readonly store: LeaseStore
  readonly executor: Pick<Executor, 'execute'>
  readonly leases: Pick<Leases, 'assertAll' | 'retry' | 'settled'>
  readonly log: Logger
}

/** Milliseconds; also how much later than `DEAD_AFTER` the death of a node is noticed. */
const INTERVAL = 2_500
const BATCH = 500
const ENOUGH = Math.ceil((DEAD_AFTER * 1000) / INTERVAL)

/** Says that this node lives, and starts the grace of those whose node does not any more. */
export class Heartbeat {
  readonly #dependencies: Dependencies
  readonly #job: PeriodicJob
  /** Beats since the database came back; as many as another node has time for before it counts as dead. */
  #beats = ENOUGH

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#job = new PeriodicJob(INTERVAL, () => this.#beat(), dependencies.log)
  }

  start(): void {
    this.#job.start()
  }

  /** To be called when every stream here has ended: their leases are released before the node signs off. */
  async stop(): Promise<void> {
    await this.#job.stop()
    const { store, nodeId, leases, log } = this.#dependencies
    await leases.settled()
    await store.signOff(nodeId).catch((error: unknown) => log.warn({ err: error }, 'could not sign off'))
  }

  /** Answers whether there is more to do at once. */
  async #beat(): Promise<boolean> {
    const { store, nodeId, leases } = this.#dependencies
    try {
      const { missed } = await store.beat(nodeId)
      if (missed) await leases.assertAll()
      await leases.retry()
    } catch (error) {
      this.#beats = 0
      throw error
    }
    // After an outage every node looks dead that has not had its turn to say that it lives.
    this.#beats = Math.min(this.#beats + 1, ENOUGH)
    if (this.#beats < ENOUGH) return false
    const orphans = await store.orphans(BATCH)
    for (const orphan of orphans) await this.#expireLease(orphan)
    return orphans.length === BATCH
  }

  /** The grace first, then the row: whoever dies in between leaves it to the next. */
  async #expireLease(orphan: LeaseRow): Promise<void> {
    const { store, executor } = this.#dependencies
    const { roomId, userId, deviceId, nodeId } = orphan
    if (!(await store.isHeld(orphan, { except: nodeId }))) {
      await executor.execute(roomId, { type: 'disconnect', userId, deviceId })
    }
    await store.drop(orphan)
  }
}
