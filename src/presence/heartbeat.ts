import type { Log } from '../core/log.ts'
import type { Executor } from '../rooms/executor.ts'
import { DEAD_AFTER, type LeaseRow, type LeaseStore } from './lease-store.ts'
import type { Leases } from './leases.ts'
import { Repeat } from '../core/repeat.ts'

interface Sources {
  readonly nodeId: string
  readonly store: LeaseStore
  readonly executor: Pick<Executor, 'execute'>
  readonly leases: Pick<Leases, 'assertAll' | 'retry'>
  readonly log: Log
}

/** Milliseconds; also how much later than `DEAD_AFTER` the death of a node is noticed. */
const INTERVAL = 2_500
const BATCH = 500
const ENOUGH = Math.ceil((DEAD_AFTER * 1000) / INTERVAL)

/** Says that this node lives, and starts the grace of those whose node does not any more. */
export class Heartbeat {
  readonly #sources: Sources
  readonly #repeat: Repeat
  /** Beats since the database came back; as many as another node has time for before it counts as dead. */
  #beats = ENOUGH

  constructor(sources: Sources) {
    this.#sources = sources
    this.#repeat = new Repeat(INTERVAL, () => this.#beat(), sources.log)
  }

  start(): void {
    this.#repeat.start()
  }

  async stop(): Promise<void> {
    await this.#repeat.stop()
    const { store, nodeId, log } = this.#sources
    await store.signOff(nodeId).catch((error: unknown) => log.warn({ err: error }, 'could not sign off'))
  }

  /** Answers whether there is more to do at once. */
  async #beat(): Promise<boolean> {
    const { store, nodeId, leases } = this.#sources
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
    for (const orphan of orphans) await this.#bury(orphan)
    return orphans.length === BATCH
  }

  /** The grace first, then the row: whoever dies in between leaves it to the next. */
  async #bury(orphan: LeaseRow): Promise<void> {
    const { store, executor } = this.#sources
    const { roomId, userId, deviceId, nodeId } = orphan
    if (!(await store.isHeld(orphan, { except: nodeId }))) {
      await executor.execute(roomId, { type: 'disconnect', userId, deviceId })
    }
    await store.drop(orphan)
  }
}
