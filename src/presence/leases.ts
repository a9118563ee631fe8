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
 * The leases of this node: its live streams, counted by device. When a device's last stream is lost, the grace of the
 * participant begins, unless another node holds a lease of the device. Leases are rows, so that other nodes can begin the
 * grace if this node dies.
 */
export class Leases {
  readonly #dependencies: Dependencies
  readonly #streams = new Map<string, { holder: LeaseHolder; count: number }>()
  readonly #queue = new KeyedQueue()
  readonly #inFlight = new Set<Promise<void>>()
  /** Failed writes to be retried, by device. */
  readonly #failed = new Map<string, () => Promise<void>>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Acquires a lease for a new stream. Resolves when the lease is visible to other nodes. */
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

  /** Writes all leases again, for use after other nodes may have considered this one dead and deleted them. */
  async writeAll(): Promise<void> {
    const { store, nodeId } = this.#dependencies
    const holders = [...this.#streams.values()].map(({ holder }) => ({ ...holder, nodeId }))
    if (holders.length > 0) await store.hold(holders)
  }

  /**
   * Retries the writes that failed during a database outage. Otherwise a participant who hung up during an outage would
   * stay in the room forever.
   */
  async retry(): Promise<void> {
    const failed = [...this.#failed]
    this.#failed.clear()
    for (const [key, write] of failed) this.#track(key, write)
    await this.settled()
  }

  /** Resolves when no write is in flight. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight)
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

  /** Begins the grace before it deletes the lease: if this node dies in between, another node finds the orphaned lease. */
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
    await executor.execute(roomId, { type: 'reconnect', userId, deviceId, of: 'live stream' })
  }

  /** Starts a write and keeps it for a retry if it fails. */
  #track(key: string, write: () => Promise<void>): void {
    const tracked = write()
      .catch((error: unknown) => {
        this.#dependencies.log[levelOf(error)]({ err: error }, 'could not write presence; will retry')
        const isRefused = error instanceof RtcError && error.code !== 'UNAVAILABLE'
        if (!isRefused) this.#failed.set(key, write)
      })
      .finally(() => this.#inFlight.delete(tracked))
    this.#inFlight.add(tracked)
  }
}

const keyOf = ({ roomId, userId, deviceId }: LeaseHolder): string => JSON.stringify([roomId, userId, deviceId])
