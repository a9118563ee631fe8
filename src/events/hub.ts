import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import { apply, type Room, type RoomEvent } from '../rooms/model.ts'
import { type RoomUpdate, updateOf } from './event.ts'
import { type EventLog, readAll } from '../rooms/event-log.ts'

/** Updates of a room that are kept for readers who come back after a short while. */
const RECENT = 64

/** Events that are delivered at once when they come together; more are delivered in time slices. */
const BURST = 4

/** Hears every update of a room as it happens, in order. It must neither throw nor take its time. */
export interface Reader {
  push(update: RoomUpdate): void
  /** There will be no more. */
  close(): void
}

/** A reader's place in the live part of a room's stream. */
export interface Subscription {
  /** The room at the moment of subscribing: the reader hears everything after it. */
  readonly room: Room
  /** The last updates before that moment, without a gap. */
  readonly recent: readonly RoomUpdate[]
  /** Gives the place up. */
  close(): void
}

interface Dependencies {
  load(roomId: string): Promise<Room | null>
  readonly events: EventLog
  readonly slices: TimeSlices
  readonly log: Logger
}

/**
 * Fans the events of rooms out to their readers: every reader of a room here is given the same update object.
 * A room with readers has one channel, which folds every event once and lets nothing through out of order:
 * notifications are hints, a gap is filled from the log.
 */
export class Hub {
  readonly #dependencies: Dependencies
  readonly #channels = new Map<string, Channel>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Rooms with at least one reader here. */
  get size(): number {
    return this.#channels.size
  }

  /** Says that these events are in the log. Never throws and never waits for a reader. */
  publish(roomId: string, events: readonly RoomEvent[]): void {
    this.#channels.get(roomId)?.offer(events)
  }

  /** How many readers a room has here. */
  readers(roomId: string): number {
    return this.#channels.get(roomId)?.readers ?? 0
  }

  /** The event number that each room with readers here has reached. */
  reached(): ReadonlyMap<string, number> {
    return new Map([...this.#channels].map(([roomId, channel]) => [roomId, channel.seq]))
  }

  /** Says that the room's log has reached event number `seq`: what its readers do not have yet is read from there. */
  hint(roomId: string, seq: number): void {
    this.#channels.get(roomId)?.hint(seq)
  }

  /** Takes a place behind the room's event number `atLeast`; null when there is no such room. */
  async subscribe(roomId: string, atLeast: number, reader: Reader): Promise<Subscription | null> {
    const channel = this.#channel(roomId)
    channel.readers += 1
    let released = false
    const release = () => {
      if (released) return
      released = true
      channel.readers -= 1
      if (channel.readers === 0 && this.#channels.get(roomId) === channel) this.#channels.delete(roomId)
    }
    try {
      const subscription = await channel.subscribe(atLeast, reader, release)
      if (!subscription) release()
      return subscription
    } catch (error) {
      release()
      throw error
    }
  }

  /** Ends every reader's stream. */
  close(): void {
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
  }

  #channel(roomId: string): Channel {
    const known = this.#channels.get(roomId)
    if (known) return known
    const channel = new Channel(roomId, this.#dependencies)
    this.#channels.set(roomId, channel)
    return channel
  }
}

class Channel {
  readonly #roomId: string
  readonly #dependencies: Dependencies
  readonly #readers = new Set<Reader>()
  readonly #recent: RoomUpdate[] = []
  #room: Room | null = null
  /** Catching up is serial: a hint that comes meanwhile waits for its turn. */
  #turn: Promise<void> = Promise.resolve()
  #catchingUp = 0
  /** Subscribers present or on their way. */
  readers = 0

  constructor(roomId: string, dependencies: Dependencies) {
    this.#roomId = roomId
    this.#dependencies = dependencies
  }

  /** The last event that the readers were offered; 0 before the room is loaded. */
  get seq(): number {
    return this.#room?.seq ?? 0
  }

  hint(seq: number): void {
    if (this.seq < seq) void this.#reach(seq).catch((error: unknown) => this.#fail(error))
  }

  offer(events: readonly RoomEvent[]): void {
    const last = events.at(-1)
    if (!last) return
    const contiguous = this.#catchingUp === 0 && this.#room !== null && events[0]?.seq === this.#room.seq + 1
    if (!contiguous) this.hint(last.seq)
    else if (events.length > BURST) void this.#takeTurn(() => this.#deliverInSlices(events))
    else for (const event of events) this.#deliver(event)
  }

  async subscribe(atLeast: number, reader: Reader, release: () => void): Promise<Subscription | null> {
    await this.#reach(atLeast)
    const room = this.#room
    if (!room) return null
    this.#readers.add(reader)
    const close = () => {
      this.#readers.delete(reader)
      release()
    }
    return { room, recent: [...this.#recent], close }
  }

  close(): void {
    for (const reader of this.#readers) reader.close()
    this.#readers.clear()
  }

  /** Brings the channel to event `seq`, by loading the room at first and from the log later. */
  #reach(seq: number): Promise<void> {
    return this.#takeTurn(async () => {
      this.#room ??= await this.#dependencies.load(this.#roomId)
      if (!this.#room || this.#room.seq >= seq) return
      await this.#deliverInSlices(readAll(this.#dependencies.events, this.#roomId, { after: this.#room.seq }))
    })
  }

  /** Does something that nothing else may come between: what is offered meanwhile is read from the log afterwards. */
  #takeTurn(work: () => Promise<void>): Promise<void> {
    this.#catchingUp += 1
    const done = this.#turn.then(work).finally(() => {
      this.#catchingUp -= 1
    })
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #deliverInSlices(events: AsyncIterable<RoomEvent> | Iterable<RoomEvent>): Promise<void> {
    for await (const event of events) await this.#dependencies.slices.run(this, () => this.#deliver(event))
  }

  #deliver(event: RoomEvent): void {
    if (!this.#room || event.seq !== this.#room.seq + 1) return
    this.#room = apply(this.#room, event)
    const update = updateOf(event, this.#room)
    this.#recent.push(update)
    if (this.#recent.length > RECENT) this.#recent.shift()
    for (const reader of this.#readers) reader.push(update)
  }

  #fail(error: unknown): void {
    // Nothing is lost: the next hint, or the next look at what other nodes have done, reads the same from the log.
    this.#dependencies.log[levelOf(error)](
      { roomId: this.#roomId, err: error },
      'a room with readers could not catch up',
    )
  }
}
