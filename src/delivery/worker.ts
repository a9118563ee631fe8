import type { Scheduler } from '../core/clock.ts'
import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { RoomUpdate } from '../events/event.ts'
import type { ReadBack } from '../events/read-back.ts'
import type { EventLog } from '../rooms/event-log.ts'
import { Backlog, type BacklogRoom } from './backlog.ts'
import { backOff, type DeliveryAttempt, type DeliveryOutcome, type Destination } from './destination.ts'
import { BACKLOG_MAX, type DeliveryStore, LEASE, type LogPosition } from './store.ts'

export interface WorkerDependencies {
  readonly nodeId: string
  readonly store: DeliveryStore
  readonly events: EventLog
  readonly readBack: ReadBack
  readonly clock: Scheduler
  readonly log: Logger
  readonly observer: Observer
  /** Called when the destination has answered `disable`, or when another node holds the lease. */
  onEnd(reason: 'disabled' | 'lost'): void
}

/** Milliseconds between two reads of the log without a hint. */
const READ_INTERVAL = 1_000
/** Hints within these milliseconds cause one read, and changes one write. */
const COLLECT = 20
/** Milliseconds after which events behind an unfinished transaction are read again. */
const SETTLE_DELAY = 50
/** Events per read. */
const PAGE = 500
/** Events of one room that are delivered before other rooms get their turn. */
const TURN = 16
const PARALLEL = 32
/** Longest pause of all rooms of a destination, in milliseconds. */
const PAUSE_MAX = 3_600_000
/** Milliseconds that a stopping worker waits for attempts in flight. */
const STOP_GRACE = 5_000
/** Milliseconds before the end of a lease at which its holder stops delivering. */
const LEASE_MARGIN = 1_000
/** Milliseconds after which a room is read again if its log could not be read. */
const READ_RETRY = 1_000

/**
 * Delivers to one destination, whose lease this node holds: reads the log after the cursor, keeps the rooms with
 * undelivered events in a backlog, and delivers the events of each room in order, several rooms at a time. A failed event
 * delays its room only.
 *
 * The cursor and the backlog are written together, shortly after each change. What was delivered after the last write is
 * delivered again if the node dies.
 */
export class DestinationWorker {
  readonly #dependencies: WorkerDependencies
  readonly #backlog: Backlog
  readonly #reader: PeriodicJob
  readonly #abort = new AbortController()
  readonly #running = new Set<Promise<void>>()
  #destination: Destination
  /** `performance.now()` at which the lease may have ended. */
  #leasedUntil = 0
  #pausedUntil = 0
  /** When events were first seen that cannot be read yet; undefined if there are none, or the cursor has moved since. */
  #blockedSince: Date | undefined
  #cancelPause: (() => void) | undefined
  #stopping = false
  #wakeTimer: NodeJS.Timeout | undefined
  #writeTimer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(destination: Destination, cursor: LogPosition, dependencies: WorkerDependencies) {
    this.#destination = destination
    this.#dependencies = dependencies
    const { clock, log, observer } = dependencies
    this.#backlog = new Backlog(cursor, { clock, onReady: () => this.#pump() })
    this.#reader = new PeriodicJob({ name: 'delivery', interval: READ_INTERVAL, log, observer }, () => this.#read())
  }

  get destination(): Destination {
    return this.#destination
  }

  /** Rooms with undelivered events, and when the oldest of these events was committed or could not be read. */
  get backlog(): { readonly rooms: number; readonly oldest: Date | null } {
    const { size, oldest } = this.#backlog
    const blocked = this.#blockedSince ?? null
    return { rooms: size, oldest: oldest && blocked && blocked < oldest ? blocked : (oldest ?? blocked) }
  }

  /** Whether a destination that does not follow the log has nothing left to deliver. */
  get isDone(): boolean {
    return this.#destination.follows === false && this.#backlog.size === 0
  }

  /** @param leasedAt - `performance.now()` before the lease was requested */
  async start(leasedAt: number): Promise<void> {
    this.extend(leasedAt)
    this.#backlog.load(await this.#dependencies.store.backlog(this.#destination.id))
    this.#reader.start()
  }

  /** The lease was extended. */
  extend(leasedAt: number): void {
    this.#leasedUntil = leasedAt + LEASE * 1000 - LEASE_MARGIN
    this.#pump()
  }

  /** Whether the lease may have ended. */
  get isExpired(): boolean {
    return performance.now() >= this.#leasedUntil
  }

  /** Replaces the destination by its current configuration, for the next attempts. */
  use(destination: Destination): void {
    this.#destination = destination
    this.#pump()
  }

  /** Hint: the log may have new events. */
  wake(): void {
    this.#readIn(COLLECT)
  }

  /** Stops without waiting for the attempts in flight, and keeps the lease for nobody: another node may hold it. */
  abandon(): void {
    this.#stopping = true
    this.#abort.abort()
    this.#close()
  }

  /** Waits a moment for the attempts in flight, writes the progress and releases the lease. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#close()
    const { store, nodeId, log } = this.#dependencies
    const grace = setTimeout(() => this.#abort.abort(), STOP_GRACE)
    try {
      await this.#reader.stop()
      await Promise.all(this.#running)
      clearTimeout(this.#writeTimer)
      await this.#writing
      await this.#write()
      await store.release(nodeId, this.#destination.id)
    } catch (error) {
      log[levelOf(error)]({ err: error, destination: this.#destination.id }, 'could not release a destination')
    } finally {
      clearTimeout(grace)
    }
  }

  #close(): void {
    clearTimeout(this.#wakeTimer)
    clearTimeout(this.#writeTimer)
    this.#cancelPause?.()
    this.#backlog.close()
    void this.#reader.stop()
  }

  /** Reads one page of the log. Resolves to whether to continue at once. */
  async #read(): Promise<boolean> {
    // Above the maximum, further events stay in the log until rooms have been delivered.
    if (this.#stopping || this.#destination.follows === false || this.#backlog.size >= BACKLOG_MAX) return false
    const { events, unsettled } = await this.#dependencies.store.read(this.#backlog.cursor, PAGE)
    for (const event of events) if (this.#destination.wants(event)) this.#backlog.add(event)
    const last = events.at(-1)
    if (!unsettled) this.#blockedSince = undefined
    else if (last || !this.#blockedSince) this.#blockedSince = this.#dependencies.clock.now()
    if (last) {
      this.#backlog.advance({ xid: last.xid, roomId: last.roomId, seq: last.seq })
      this.#pump()
    }
    // Also repeats a write that has failed.
    this.#scheduleWrite()
    if (events.length === PAGE) return true
    if (unsettled) this.#readIn(SETTLE_DELAY)
    return false
  }

  #readIn(delay: number): void {
    if (this.#stopping) return
    this.#wakeTimer ??= setTimeout(() => {
      this.#wakeTimer = undefined
      this.#reader.runNow()
    }, delay)
  }

  #pump(): void {
    const { clock } = this.#dependencies
    const parallel = this.#destination.parallel ?? PARALLEL
    while (
      !this.#stopping &&
      !this.isExpired &&
      this.#running.size < parallel &&
      clock.now().getTime() >= this.#pausedUntil
    ) {
      const room = this.#backlog.take()
      if (!room) return
      const turn = this.#deliver(room).finally(() => {
        this.#running.delete(turn)
        this.#scheduleWrite()
        if (this.#backlog.size === BACKLOG_MAX - 1) this.wake()
        this.#pump()
      })
      this.#running.add(turn)
    }
  }

  /** Delivers a room's events in order until the first failure. */
  async #deliver(room: BacklogRoom): Promise<void> {
    const { clock, log, onEnd } = this.#dependencies
    const last = Math.min(room.upTo, room.after + TURN)
    try {
      const updates = await this.#updatesOf(room, last)
      for (const [index, update] of updates.entries()) {
        if (update.seq <= room.after) continue
        if (this.#stopping || this.isExpired || update.seq > last) break
        const neighbours = { before: updates[index - 1]?.room ?? null, next: updates[index + 1] ?? null }
        const outcome = await this.#attempt(update, room, neighbours)
        if (this.#abort.signal.aborted) return
        if (outcome.kind === 'disable') {
          this.#backlog.delay(room, clock.now())
          onEnd('disabled')
          return
        }
        if (outcome.kind === 'retry' && this.#retryLater(room, outcome)) return
        this.#backlog.delivered(room, update.seq, update.at)
        this.#scheduleWrite()
      }
      if (room.after < last && !this.#stopping && !this.isExpired && (await this.#isPurged(room))) return
      this.#backlog.putBack(room)
    } catch (error) {
      if (await this.#isPurged(room).catch(() => false)) return
      log[levelOf(error)]({ err: error, destination: this.#destination.id }, 'could not read events to deliver')
      if (!this.#stopping) this.#backlog.delay(room, new Date(clock.now().getTime() + READ_RETRY))
    }
  }

  /** The events up to number `last`, the event before them, and the one after them if it is due as well. */
  async #updatesOf({ roomId, after, upTo }: BacklogRoom, last: number): Promise<readonly RoomUpdate[]> {
    const updates: RoomUpdate[] = []
    const range = { after: Math.max(0, after - 1), upTo }
    for await (const update of this.#dependencies.readBack.updates(roomId, range)) {
      updates.push(update)
      if (update.seq > last) break
    }
    return updates
  }

  async #attempt(
    update: RoomUpdate,
    room: BacklogRoom,
    neighbours: Pick<DeliveryAttempt, 'before' | 'next'>,
  ): Promise<DeliveryOutcome> {
    const destination = this.#destination
    const { type } = update
    if (type === 'snapshot' || !destination.wants({ roomId: room.roomId, type })) return { kind: 'delivered' }
    const { log, observer } = this.#dependencies
    const number = room.attempts + 1
    const isLast = this.#delayAfter(number) === null
    const began = performance.now()
    let outcome: DeliveryOutcome
    try {
      outcome = await destination.deliver(update, { ...neighbours, number, isLast, signal: this.#abort.signal })
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        log.warn({ err: error, destination: destination.id, attempt: number }, 'a delivery failed')
      }
      outcome = { kind: 'retry' }
    }
    const kind = outcome.kind === 'retry' && isLast ? 'given up' : outcome.kind
    if (!this.#abort.signal.aborted) {
      const { id, kind: destinationKind } = destination
      observer.destination?.({ id, kind: destinationKind, outcome: kind, duration: performance.now() - began })
    }
    return outcome
  }

  #delayAfter(attempts: number): number | null {
    return this.#destination.delayAfter ? this.#destination.delayAfter(attempts) : backOff(attempts)
  }

  /** Schedules the next attempt; false after the last one. */
  #retryLater(room: BacklogRoom, { after = 0, pause }: Extract<DeliveryOutcome, { kind: 'retry' }>): boolean {
    const wait = this.#delayAfter(room.attempts + 1)
    if (wait === null) return false
    room.attempts += 1
    const now = this.#dependencies.clock.now().getTime()
    const delay = Math.max(wait, after)
    this.#backlog.delay(room, new Date(now + delay))
    if (pause !== undefined) this.#pause(new Date(now + Math.min(pause, PAUSE_MAX)))
    return true
  }

  #pause(until: Date): void {
    if (until.getTime() <= this.#pausedUntil) return
    this.#pausedUntil = until.getTime()
    this.#cancelPause?.()
    this.#cancelPause = this.#dependencies.clock.at(until, () => this.#pump())
  }

  /** Removes a room that retention has deleted. */
  async #isPurged(room: BacklogRoom): Promise<boolean> {
    const { events, log, observer } = this.#dependencies
    const [[first] = []] = await events.read([{ roomId: room.roomId, after: 0, upTo: 1, limit: 1 }])
    if (first) return false
    const { id, kind } = this.#destination
    log.warn({ destination: id, roomId: room.roomId }, 'a room was deleted before its events were delivered')
    observer.destination?.({ id, kind, outcome: 'purged', duration: 0 })
    this.#backlog.drop(room)
    return true
  }

  #scheduleWrite(): void {
    if (this.#stopping || this.#writing) return
    this.#writeTimer ??= setTimeout(() => {
      this.#writeTimer = undefined
      this.#writing = this.#write()
        .catch((error: unknown) => {
          const { log } = this.#dependencies
          log[levelOf(error)]({ err: error, destination: this.#destination.id }, 'could not write delivery progress')
        })
        .finally(() => {
          this.#writing = undefined
        })
    }, COLLECT)
  }

  /** Writes the changes since the last write. */
  async #write(): Promise<void> {
    const progress = this.#backlog.unwritten()
    if (!progress) return
    const { store, nodeId, onEnd } = this.#dependencies
    let held: boolean
    try {
      held = await store.write(nodeId, this.#destination.id, progress)
    } catch (error) {
      this.#backlog.settle(progress, { written: false })
      throw error
    }
    this.#backlog.settle(progress, { written: true })
    if (!held) onEnd('lost')
    // Changes made meanwhile.
    else setImmediate(() => this.#scheduleWrite())
  }
}
