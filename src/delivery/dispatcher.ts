import type { Scheduler } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { Interest } from '../events/interest.ts'
import { LOG_TOPIC } from '../events/notice.ts'
import { ReadBack } from '../events/read-back.ts'
import type { EventLog } from '../rooms/event-log.ts'
import type { RoomSnapshots } from '../rooms/snapshots.ts'
import type { Destination, DestinationKind } from './destination.ts'
import type { DeliveryStore } from './store.ts'
import { DestinationWorker } from './worker.ts'

interface Dependencies {
  readonly nodeId: string
  readonly kinds: readonly DestinationKind[]
  readonly store: DeliveryStore
  readonly events: EventLog
  readonly snapshots: Pick<RoomSnapshots, 'lastUntil'>
  /** Requests the notices of a topic from the other nodes. */
  watch(topic: string): Interest
  readonly clock: Scheduler
  readonly log: Logger
  readonly observer: Observer
}

/** A destination to which this node delivers. */
export interface DestinationState {
  readonly id: string
  readonly kind: string
  /** Rooms with undelivered events. */
  readonly rooms: number
  /** When the oldest undelivered event was committed, or was found behind a transaction that has not ended. */
  readonly oldest: Date | null
}

/** Milliseconds between two looks at the destinations and their leases. */
const INTERVAL = 2_500

/**
 * Delivers the log to destinations. For each destination one node holds a lease and delivers; when a node stops or dies,
 * another one takes the lease and continues at the cursor.
 *
 * ```
 * log → cursor (per destination) → backlog (per room) → deliver, in order per room
 * ```
 */
export class Dispatcher {
  readonly #dependencies: Dependencies
  readonly #job: PeriodicJob
  readonly #readBack: ReadBack
  readonly #workers = new Map<string, DestinationWorker>()
  /** Destinations that answered `disable` and are still listed, with their versions. */
  readonly #disabled = new Map<string, string | undefined>()
  /** While this node delivers to a destination: in notices that the log has grown. */
  #interest: Interest | undefined
  /** Workers that have been removed and may still have attempts in flight, by destination. */
  readonly #stopping = new Map<string, Promise<void>>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#readBack = new ReadBack(dependencies.events, dependencies.snapshots)
    this.#job = new PeriodicJob({ ...dependencies, name: 'destinations', interval: INTERVAL }, () => this.#tend())
  }

  /** Places the cursors of new destinations, so that they receive every event from now on. */
  async start(): Promise<void> {
    if (this.#dependencies.kinds.length === 0) return
    const destinations = await this.#list()
    if (destinations.length > 0) await this.#dependencies.store.begin(destinations.map(({ id }) => id))
    this.#job.start()
  }

  async stop(): Promise<void> {
    await this.#job.stop()
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()))
    await Promise.all(this.#stopping.values())
    this.#workers.clear()
  }

  /** Hint: events were committed, at this node or another one. */
  wake(): void {
    for (const worker of this.#workers.values()) worker.wake()
  }

  /** Lists the destinations again soon, after one was added or changed. */
  refresh(): void {
    this.#job.runNow()
  }

  /** The destinations to which this node delivers, for metrics. */
  states(): readonly DestinationState[] {
    return [...this.#workers.values()].map(({ destination: { id, kind }, backlog }) => ({ id, kind, ...backlog }))
  }

  async #tend(): Promise<boolean> {
    await this.#renew()
    const destinations = new Map((await this.#list()).map((destination) => [destination.id, destination]))
    for (const [id, version] of this.#disabled) {
      const destination = destinations.get(id)
      if (!destination || destination.version !== version) this.#disabled.delete(id)
    }
    for (const [id, worker] of this.#workers) {
      const destination = destinations.get(id)
      if (!destination) this.#stop(id, worker)
      else if (worker.isDone) {
        this.#stop(id, worker)
        destinations.delete(id)
        await this.#dependencies.store.forget(id)
      } else worker.use(destination)
    }
    const missing = [...destinations.keys()].filter(
      (id) => !this.#workers.has(id) && !this.#disabled.has(id) && !this.#stopping.has(id),
    )
    if (missing.length > 0) await this.#acquire(missing, destinations)
    this.#watchLog()
    return false
  }

  async #renew(): Promise<void> {
    for (const [id, worker] of this.#workers) if (worker.isExpired) this.#abandon(id, worker)
    const ids = [...this.#workers.keys()]
    if (ids.length === 0) return
    const { store, nodeId } = this.#dependencies
    const now = performance.now()
    const held = await store.renew(nodeId, ids)
    for (const id of ids) {
      const worker = this.#workers.get(id)
      if (!worker) continue
      if (held.has(id)) worker.extend(now)
      else this.#abandon(id, worker)
    }
  }

  async #acquire(ids: readonly string[], destinations: ReadonlyMap<string, Destination>): Promise<void> {
    const { store, nodeId } = this.#dependencies
    const now = performance.now()
    await store.begin(ids)
    for (const [id, cursor] of await store.acquire(nodeId, ids)) {
      const destination = destinations.get(id)
      if (!destination) continue
      const worker: DestinationWorker = new DestinationWorker(destination, cursor, {
        ...this.#dependencies,
        readBack: this.#readBack,
        onEnd: (reason) => {
          if (this.#workers.get(id) !== worker) return
          if (reason === 'lost') this.#abandon(id, worker)
          else {
            this.#disabled.set(id, worker.destination.version)
            this.#stop(id, worker)
          }
        },
      })
      this.#workers.set(id, worker)
      await worker.start(now).catch((error: unknown) => {
        this.#abandon(id, worker)
        throw error
      })
    }
  }

  #watchLog(): void {
    if (this.#workers.size > 0) this.#interest ??= this.#dependencies.watch(LOG_TOPIC)
    else {
      this.#interest?.release()
      this.#interest = undefined
    }
  }

  async #list(): Promise<readonly Destination[]> {
    const lists = await Promise.all(this.#dependencies.kinds.map((kind) => kind.list()))
    return lists.flat()
  }

  #stop(id: string, worker: DestinationWorker): void {
    this.#workers.delete(id)
    const stopped = worker.stop().finally(() => this.#stopping.delete(id))
    this.#stopping.set(id, stopped)
  }

  #abandon(id: string, worker: DestinationWorker): void {
    this.#workers.delete(id)
    worker.abandon()
    this.#dependencies.log.info({ destination: id }, 'another node may deliver to this destination')
  }
}
