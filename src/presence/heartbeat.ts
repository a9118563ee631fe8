import type { Log } from '../core/log.ts'
import type { Executor } from '../rooms/executor.ts'
import type { LeaseRow, LeaseStore } from './lease-store.ts'
import { Repeat } from './repeat.ts'

interface Sources {
  readonly nodeId: string
  readonly store: LeaseStore
  readonly executor: Pick<Executor, 'execute'>
  /** Writes every lease of this node again. */
  assertAll(): Promise<void>
  readonly log: Log
}

/** Milliseconds. */
const INTERVAL = 5_000
const BATCH = 500

/** Says that this node lives, and starts the grace of those whose node does not any more. */
export class Heartbeat {
  readonly #sources: Sources
  readonly #repeat: Repeat

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
    const { store, nodeId, assertAll } = this.#sources
    const { missed } = await store.beat(nodeId)
    if (missed) await assertAll()
    const orphans = await store.orphans(BATCH)
    for (const orphan of orphans) await this.#bury(orphan)
    return orphans.length === BATCH
  }

  /** The grace first, then the row: whoever dies in between leaves it to the next. */
  async #bury(orphan: LeaseRow): Promise<void> {
    const { store, executor } = this.#sources
    const { roomId, userId } = orphan
    if (!(await store.isHeldElsewhere(orphan))) await executor.execute(roomId, { type: 'disconnect', userId })
    await store.drop(orphan)
  }
}
