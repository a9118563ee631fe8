import type { Scheduler } from '../core/clock.ts'
import type { LogPosition, Progress, RoomBacklog } from './store.ts'

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** A room in the backlog of a destination. */
export type BacklogRoom = Mutable<RoomBacklog>

/**
 * The backlog of a destination in memory, with the order in which rooms take their turns, and the changes that are not in
 * the database yet.
 */
export class Backlog {
  readonly #clock: Scheduler
  readonly #onReady: () => void
  readonly #rooms = new Map<string, BacklogRoom>()
  /** Rooms whose next attempt is due, in the order of their turns. */
  readonly #ready: BacklogRoom[] = []
  /** Cancels the timers of the rooms that wait for their next attempt. */
  readonly #timers = new Map<string, () => void>()
  /** Rooms that may have a row. */
  readonly #stored = new Set<string>()
  /** Rooms whose row may differ. */
  readonly #changed = new Set<string>()
  #cursor: LogPosition
  #storedCursor: LogPosition

  /** @param onReady - called when a room has become due */
  constructor(cursor: LogPosition, { clock, onReady }: { readonly clock: Scheduler; onReady(): void }) {
    this.#cursor = cursor
    this.#storedCursor = cursor
    this.#clock = clock
    this.#onReady = onReady
  }

  /** Number of rooms with undelivered events. */
  get size(): number {
    return this.#rooms.size
  }

  /** When the oldest undelivered event was committed, among those that have been read. */
  get oldest(): Date | null {
    let oldest: Date | null = null
    for (const { since } of this.#rooms.values()) if (!oldest || since < oldest) oldest = since
    return oldest
  }

  get cursor(): LogPosition {
    return this.#cursor
  }

  /** Adds the rooms that a previous holder of the lease has stored. */
  load(rooms: readonly RoomBacklog[]): void {
    for (const room of rooms) {
      this.#rooms.set(room.roomId, { ...room })
      this.#stored.add(room.roomId)
    }
    for (const room of this.#rooms.values()) this.#wait(room)
  }

  /** Adds an event that the destination wants. */
  add({ roomId, seq, at }: { readonly roomId: string; readonly seq: number; readonly at: Date }): void {
    this.#changed.add(roomId)
    const known = this.#rooms.get(roomId)
    if (known) known.upTo = Math.max(known.upTo, seq)
    else {
      const room = { roomId, after: seq - 1, upTo: seq, attempts: 0, nextAt: at, since: at }
      this.#rooms.set(roomId, room)
      this.#ready.push(room)
    }
  }

  /** Moves the cursor; call after `add` of every event up to it. */
  advance(cursor: LogPosition): void {
    this.#cursor = cursor
  }

  /** Takes the next due room out of the queue, until `putBack` or `delay`. */
  take(): BacklogRoom | undefined {
    return this.#ready.shift()
  }

  /** The room's events up to `after` have been delivered. */
  delivered(room: BacklogRoom, after: number, at: Date): void {
    room.after = after
    room.attempts = 0
    room.since = at
    this.#changed.add(room.roomId)
  }

  /** Ends a room's turn: removes the room, or queues it again if it has further events. */
  putBack(room: BacklogRoom): void {
    if (room.after < room.upTo) this.#ready.push(room)
    else this.#rooms.delete(room.roomId)
  }

  /** Ends a room's turn until `nextAt`. */
  delay(room: BacklogRoom, nextAt: Date): void {
    room.nextAt = nextAt
    this.#changed.add(room.roomId)
    this.#wait(room)
  }

  /** The room no longer exists. */
  drop(room: BacklogRoom): void {
    this.#rooms.delete(room.roomId)
    this.#changed.add(room.roomId)
  }

  /** Cancels all timers. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  /** What the database does not have yet; undefined if nothing. Call `settle` with it after the write. */
  unwritten(): Progress | undefined {
    const rooms: RoomBacklog[] = []
    for (const roomId of this.#changed) {
      const room = this.#rooms.get(roomId)
      if (room) this.#stored.add(roomId)
      // A room whose events were delivered before its row was written needs none.
      if (room || this.#stored.has(roomId)) rooms.push(room ? { ...room } : removed(roomId))
    }
    this.#changed.clear()
    if (rooms.length === 0 && this.#cursor === this.#storedCursor) return undefined
    return { cursor: this.#cursor, rooms }
  }

  settle({ cursor, rooms }: Progress, { written }: { readonly written: boolean }): void {
    if (written) this.#storedCursor = cursor
    for (const { roomId, after, upTo } of rooms) {
      if (!written) this.#changed.add(roomId)
      else if (after >= upTo) this.#stored.delete(roomId)
    }
  }

  #wait(room: BacklogRoom): void {
    let due = false
    const cancel = this.#clock.at(room.nextAt, () => {
      due = true
      this.#timers.delete(room.roomId)
      this.#ready.push(room)
      this.#onReady()
    })
    if (!due) this.#timers.set(room.roomId, cancel)
  }
}

/** The row of a room without undelivered events, which deletes it. */
const removed = (roomId: string): RoomBacklog => ({
  roomId,
  after: 0,
  upTo: 0,
  attempts: 0,
  nextAt: new Date(0),
  since: new Date(0),
})
