import { levelOf } from '../core/failures.ts'
import { RtcError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { KeyedQueue } from '../core/keyed-queue.ts'
import type { StreamLease } from '../events/stream.ts'
import type { Executor } from '../rooms/executor.ts'
import type { LeaseHolder, LeaseStore } from './lease-store.ts'

interface Dependencies {
  readonly nodeId: string
  readonly store: LeaseStore
  readonly executor: Pick<Executor, 'execute'>
  readonly log: Logger
}

/**
 * The streams that live here, counted by device. The last one to go starts the grace of whoever has joined from that
 * device, unless another node holds one; the database knows of them, so that others notice when this node dies.
 */
export class Leases {
  readonly #dependencies: Dependencies
  readonly #streams = new Map<string, { holder: LeaseHolder; count: number }>()
  readonly #queue = new KeyedQueue()
  readonly #underWay = new Set<Promise<void>>()
  /** What failed, by device. */
  readonly #unwritten = new Map<string, () => Promise<void>>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Takes the lease; when it resolves, other nodes can see it. */
  async open(holder: LeaseHolder): Promise<StreamLease> {
    const { store, nodeId } = this.#dependencies
    const key = keyOf(holder)
    const streams = this.#streams.get(key) ?? { holder, count: 0 }
    this.#streams.set(key, streams)
    streams.count += 1
    const lease = this.#lease(holder)
    try {
      await this.#queue.run(key, () => store.hold([{ ...holder, nodeId }]))
    } catch (error) {
      lease.release({ lost: false })
      throw error
    }
    return lease
  }

  /** Writes every lease again: the others had taken this node for dead. */
  async assertAll(): Promise<void> {
    const { store, nodeId } = this.#dependencies
    const holders = [...this.#streams.values()].map(({ holder }) => ({ ...holder, nodeId }))
    if (holders.length > 0) await store.hold(holders)
  }

  /**
   * Tries again what could not be written while the database was away. Without this, whoever hung up during an outage
   * would stay in the room for ever.
   */
  async retry(): Promise<void> {
    const unwritten = [...this.#unwritten]
    this.#unwritten.clear()
    for (const [key, work] of unwritten) this.#track(key, work)
    await this.settled()
  }

  /** Resolves when everything that was begun is done. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  #lease(holder: LeaseHolder): StreamLease {
    let released = false
    return {
      reassert: () => {
        if (!released) this.#track(keyOf(holder), () => this.#reassert(holder))
      },
      release: ({ lost }) => {
        if (released) return
        released = true
        const streams = this.#streams.get(keyOf(holder))
        if (!streams) return
        streams.count -= 1
        if (streams.count > 0) return
        this.#streams.delete(keyOf(holder))
        this.#track(keyOf(holder), () => this.#queue.run(keyOf(holder), () => this.#end(holder, lost)))
      },
    }
  }

  /** The grace first, then the row: a node that dies in between leaves an orphan for the others, not a ghost. */
  async #end(holder: LeaseHolder, lost: boolean): Promise<void> {
    const { store, executor, nodeId } = this.#dependencies
    const { roomId, userId, deviceId } = holder
    const isHeld = () => this.#streams.has(keyOf(holder))
    if (isHeld()) return
    if (lost && !(await store.isHeld(holder, { except: nodeId }))) {
      await executor.execute(roomId, { type: 'disconnect', userId, deviceId }, () => !isHeld())
    }
    if (!isHeld()) await store.drop({ ...holder, nodeId })
  }

  async #reassert(holder: LeaseHolder): Promise<void> {
    const { store, executor, nodeId } = this.#dependencies
    if (!this.#streams.has(keyOf(holder))) return
    await store.hold([{ ...holder, nodeId }])
    const { roomId, userId, deviceId } = holder
    await executor.execute(roomId, { type: 'reconnect', userId, deviceId })
  }

  #track(key: string, work: () => Promise<void>): void {
    const tracked = work()
      .catch((error: unknown) => {
        this.#dependencies.log[levelOf(error)]({ err: error }, 'presence could not be written yet')
        const isRefused = error instanceof RtcError && error.code !== 'UNAVAILABLE'
        if (!isRefused) this.#unwritten.set(key, work)
      })
      .finally(() => this.#underWay.delete(tracked))
    this.#underWay.add(tracked)
  }
}

const keyOf = ({ roomId, userId, deviceId }: LeaseHolder): string => JSON.stringify([roomId, userId, deviceId])
