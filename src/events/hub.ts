import { Coalescer } from '../core/coalescer.ts'
import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import { type EventLog, readAll } from '../rooms/event-log.ts'
import { apply, type Room, type RoomEvent } from '../rooms/model.ts'
import { type RoomUpdate, updateOf } from './event.ts'
import type { LiveStreams } from './live-streams.ts'
import type { Notice, StreamNotice } from './notice.ts'
import { Subscribers } from './subscribers.ts'

/** Updates per room that are kept for subscribers who resume after a short while. */
const RECENT = 64
/** Events that are delivered synchronously when they come together; more are delivered in time slices. */
const BURST = 4
/** Rooms that one statement checks. */
const CHECK_BATCH = 5_000

/** Receives every update of a room as it happens, in order. */
export interface RoomSubscriber {
  /** Must neither throw nor block. */
  push(update: RoomUpdate): void
  /** The gateway ends the stream. */
  close(): void
}

/** A subscriber's place in the live part of a room's stream. */
export interface Subscription {
  /** The room at the moment of subscribing: every later update is pushed. */
  readonly room: Room
  /** The last updates before that moment, without a gap. */
  readonly recent: readonly RoomUpdate[]
  /** Unsubscribes. */
  close(): void
}

interface Dependencies {
  load(roomId: string): Promise<Room | null>
  /** Of these rooms, those whose log has come further than `seq`. */
  newerThan(rooms: readonly RoomSeq[]): Promise<readonly RoomSeq[]>
  readonly events: EventLog
  readonly slices: TimeSlices
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  readonly log: Logger
}

interface RoomSeq {
  readonly id: string
  readonly seq: number
}

/**
 * The streams of rooms: every subscriber of a room at this node gets the same update object. A room with subscribers has
 * one channel, which applies every event once and in order. Notices are hints; a gap is filled from the log.
 */
export class Hub implements LiveStreams {
  readonly #dependencies: Dependencies
  readonly #subscribers = new Subscribers<RoomSubscriber>()
  /** One for each room with subscribers. */
  readonly #channels = new Map<string, Channel>()
  readonly #catchUps = new Coalescer(async (roomId) => this.#channels.get(roomId)?.catchUp())

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Rooms with at least one subscriber here. */
  get size(): number {
    return this.#subscribers.size
  }

  /** Subscribers of a room here, those that are still waiting for their place included. */
  subscribers(roomId: string): number {
    return this.#subscribers.count(roomId)
  }

  committed(room: Room, events: readonly RoomEvent[]): void {
    if (this.#channels.get(room.id)?.offer(events) === false) this.#catchUp(room.id)
    this.#dependencies.announce({ kind: 'room', roomId: room.id, seq: room.seq })
  }

  notice(notice: StreamNotice): void {
    if (notice.kind === 'room') this.#hint(notice.roomId, notice.seq)
  }

  async check(): Promise<void> {
    for (const roomIds of this.#subscribers.keyBatches(CHECK_BATCH)) {
      const known = roomIds.map((id) => ({ id, seq: this.#channels.get(id)?.seq ?? 0 }))
      for (const { id, seq } of await this.#dependencies.newerThan(known)) this.#hint(id, seq)
    }
  }

  /** Subscribes behind the room's event number `atLeast`; null when there is no such room. */
  async subscribe(roomId: string, atLeast: number, subscriber: RoomSubscriber): Promise<Subscription | null> {
    const remove = this.#subscribers.add(roomId, subscriber)
    const channel = this.#channelOf(roomId)
    const close = () => {
      remove()
      channel.live.delete(subscriber)
      if (!this.#subscribers.has(roomId)) this.#channels.delete(roomId)
    }
    try {
      if (!channel.has(atLeast)) await this.#catchUps.run(roomId)
    } catch (error) {
      close()
      throw error
    }
    if (!channel.room) {
      close()
      return null
    }
    channel.live.add(subscriber)
    return { room: channel.room, recent: [...channel.recent], close }
  }

  /** Also closes subscribers that are still waiting for their place. */
  close(): void {
    this.#subscribers.close()
  }

  #hint(roomId: string, seq: number): void {
    if (this.#channels.get(roomId)?.has(seq) === false) this.#catchUp(roomId)
  }

  #catchUp(roomId: string): void {
    this.#catchUps.run(roomId).catch((error: unknown) => {
      // The next hint or check reads the same from the log.
      this.#dependencies.log[levelOf(error)]({ roomId, err: error }, 'a room with subscribers could not catch up')
    })
  }

  #channelOf(roomId: string): Channel {
    const known = this.#channels.get(roomId)
    if (known) return known
    const channel = new Channel(roomId, this.#dependencies)
    this.#channels.set(roomId, channel)
    return channel
  }
}

/** One room with subscribers: applies its events in order and pushes the updates. */
class Channel {
  readonly #roomId: string
  readonly #dependencies: Dependencies
  /** Subscribers that have their place: what comes before belongs to their snapshot or their backfill. */
  readonly live = new Set<RoomSubscriber>()
  readonly #recent: RoomUpdate[] = []
  #room: Room | null = null
  /** The event number that the log is known to have reached. */
  #wanted = 0
  /** Committed events that are too many to be delivered synchronously. */
  #burst: readonly RoomEvent[] = []
  #catchingUp = false

  constructor(roomId: string, dependencies: Dependencies) {
    this.#roomId = roomId
    this.#dependencies = dependencies
  }

  /** The room as the subscribers have it; null before it is loaded, and when there is none. */
  get room(): Room | null {
    return this.#room
  }

  /** The last event that was pushed; 0 before the room is loaded. */
  get seq(): number {
    return this.#room?.seq ?? 0
  }

  get recent(): readonly RoomUpdate[] {
    return this.#recent
  }

  /** Whether the room is loaded and has reached event `seq`; if not, `catchUp` brings it there. */
  has(seq: number): boolean {
    this.#wanted = Math.max(this.#wanted, seq)
    return this.#room !== null && this.#room.seq >= seq
  }

  /** Takes events that were just committed; answers whether they are delivered, or else left to `catchUp`. */
  offer(events: readonly RoomEvent[]): boolean {
    const delivered = this.has(events.at(-1)?.seq ?? 0)
    if (delivered || this.#catchingUp || !this.#room || events[0]?.seq !== this.#room.seq + 1) return delivered
    if (events.length > BURST) {
      this.#burst = events
      return false
    }
    for (const event of events) this.#deliver(event)
    return true
  }

  /** Loads the room at first; later delivers what is missing. One call at a time. */
  async catchUp(): Promise<void> {
    this.#catchingUp = true
    try {
      this.#room ??= await this.#dependencies.load(this.#roomId)
      if (!this.#room) return
      const burst = this.#burst
      this.#burst = []
      await this.#deliverInSlices(burst)
      if (this.#room.seq >= this.#wanted) return
      await this.#deliverInSlices(readAll(this.#dependencies.events, this.#roomId, { after: this.#room.seq }))
    } finally {
      this.#catchingUp = false
    }
  }

  async #deliverInSlices(events: AsyncIterable<RoomEvent> | Iterable<RoomEvent>): Promise<void> {
    for await (const event of events) await this.#dependencies.slices.run(this, () => this.#deliver(event))
  }

  #deliver(event: RoomEvent): void {
    if (event.seq !== this.seq + 1) return
    this.#room = apply(this.#room, event)
    const update = updateOf(event, this.#room)
    this.#recent.push(update)
    if (this.#recent.length > RECENT) this.#recent.shift()
    for (const subscriber of this.live) subscriber.push(update)
  }
}
