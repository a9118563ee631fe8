import { Coalescer } from '../core/coalescer.ts'
import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import { type EventLog, readAll } from '../rooms/event-log.ts'
import { apply, type Room, type RoomEvent } from '../rooms/model.ts'
import { type RoomUpdate, updateOf } from './event.ts'
import type { LiveStreams } from './live-streams.ts'
import type { Interest } from './interest.ts'
import { type Notice, roomTopic, type StreamNotice } from './notice.ts'
import { Subscribers } from './subscribers.ts'

/**
 * Updates that are kept for subscribers who resume shortly after a disconnect. Each also retains its state of the room, so a
 * room keeps fewer the more rooms there are: at most `room`, as many as make `total` together, but at least `min`.
 */
const RECENT = { room: 64, total: 4096, min: 8 } as const
/** Maximum number of events of one commit that are delivered synchronously; more are delivered in time slices. */
const SYNC_MAX = 4
/** Rooms per statement of a check. */
const CHECK_BATCH = 5_000

/** Receives every live update of a room, in order. */
export interface RoomSubscriber {
  /** Must neither throw nor block. */
  push(update: RoomUpdate): void
  /** Called when the gateway ends the stream. */
  close(): void
}

/** What a subscriber of the live part of a room's stream gets. */
export interface Subscription {
  /** The room at the time of subscribing. Every later update is pushed. */
  readonly room: Room
  /** The last updates up to that time, without a gap. */
  readonly recent: readonly RoomUpdate[]
}

interface Dependencies {
  load(roomId: string): Promise<Room | null>
  /** Returns the rooms whose log has passed the given `seq`, each with its current one. */
  newerThan(rooms: readonly RoomSeq[]): Promise<readonly RoomSeq[]>
  readonly events: EventLog
  readonly slices: TimeSlices
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  /** Requests the notices of a topic from the other nodes. */
  watch(topic: string): Interest
  readonly log: Logger
}

interface RoomSeq {
  readonly id: string
  readonly seq: number
}

/**
 * The live streams of rooms. Each room with subscribers has one channel, which applies every event once and in order and
 * pushes the same update object to all subscribers. Notices are only hints; the channel fills gaps from the log.
 */
export class Hub implements LiveStreams {
  readonly #dependencies: Dependencies
  readonly #subscribers: Subscribers<RoomSubscriber>
  /** By room, for the rooms with subscribers. */
  readonly #channels = new Map<string, Channel>()
  readonly #catchUps = new Coalescer(async (roomId) => this.#channels.get(roomId)?.catchUp())

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#subscribers = new Subscribers((roomId) => dependencies.watch(roomTopic(roomId)))
  }

  /** Number of rooms with at least one subscriber at this node. */
  get size(): number {
    return this.#subscribers.size
  }

  /** Number of a room's subscribers at this node, including those whose room is still being loaded. */
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

  /**
   * Subscribes to a room whose state must include event number `atLeast`; null if there is no such room. The subscriber
   * must call `unsubscribe`.
   */
  async subscribe(roomId: string, atLeast: number, subscriber: RoomSubscriber): Promise<Subscription | null> {
    this.#subscribers.add(roomId, subscriber)
    const channel = this.#channelOf(roomId)
    try {
      const ready = this.#subscribers.ready(roomId)
      if (ready) await ready
      if (!channel.has(atLeast)) await this.#catchUps.run(roomId)
    } catch (error) {
      this.unsubscribe(roomId, subscriber)
      throw error
    }
    if (!channel.room) {
      this.unsubscribe(roomId, subscriber)
      return null
    }
    channel.live.add(subscriber)
    return { room: channel.room, recent: [...channel.recent] }
  }

  /** May be called more than once. */
  unsubscribe(roomId: string, subscriber: RoomSubscriber): void {
    this.#subscribers.remove(roomId, subscriber)
    this.#channels.get(roomId)?.live.delete(subscriber)
    if (!this.#subscribers.has(roomId)) this.#channels.delete(roomId)
  }

  /** Drops the recent updates of a room, whose log was rewritten. Its subscribers resume from the log. */
  forget(roomId: string): void {
    this.#channels.get(roomId)?.forget()
  }

  /** Also closes subscribers whose room is still being loaded. */
  close(): void {
    this.#subscribers.close()
  }

  /** Number of updates that a room keeps. */
  get #recentMax(): number {
    return Math.min(RECENT.room, Math.max(RECENT.min, Math.floor(RECENT.total / this.#channels.size)))
  }

  #hint(roomId: string, seq: number): void {
    if (this.#channels.get(roomId)?.has(seq) === false) this.#catchUp(roomId)
  }

  #catchUp(roomId: string): void {
    this.#catchUps.run(roomId).catch((error: unknown) => {
      // The next hint or check tries again.
      this.#dependencies.log[levelOf(error)]({ roomId, err: error }, 'could not catch up with the log of a room')
    })
  }

  #channelOf(roomId: string): Channel {
    const known = this.#channels.get(roomId)
    if (known) return known
    const channel = new Channel(roomId, this.#dependencies, () => this.#recentMax)
    this.#channels.set(roomId, channel)
    return channel
  }
}

/** The channel of one room: applies its events in order and pushes the updates to the subscribers. */
class Channel {
  readonly #roomId: string
  readonly #dependencies: Dependencies
  /** Subscribers that receive live updates. Earlier updates are part of their snapshot or backfill. */
  readonly live = new Set<RoomSubscriber>()
  readonly #recent: RoomUpdate[] = []
  #room: Room | null = null
  /** The highest event number that the log is known to contain. */
  #knownSeq = 0
  /** Events of a commit with too many events for synchronous delivery; `catchUp` delivers them. */
  #deferred: readonly RoomEvent[] = []
  #catchingUp = false
  readonly #recentMax: () => number

  constructor(roomId: string, dependencies: Dependencies, recentMax: () => number) {
    this.#roomId = roomId
    this.#dependencies = dependencies
    this.#recentMax = recentMax
  }

  /** The room after the last pushed update; null until it is loaded, and if it does not exist. */
  get room(): Room | null {
    return this.#room
  }

  /** Number of the last pushed event; 0 until the room is loaded. */
  get seq(): number {
    return this.#room?.seq ?? 0
  }

  get recent(): readonly RoomUpdate[] {
    return this.#recent
  }

  forget(): void {
    this.#recent.length = 0
  }

  /** Whether the room is loaded and includes event `seq`. If not, the next `catchUp` delivers the events up to it. */
  has(seq: number): boolean {
    this.#knownSeq = Math.max(this.#knownSeq, seq)
    return this.#room !== null && this.#room.seq >= seq
  }

  /** Delivers events that were just committed. Returns false if the caller has to call `catchUp` instead. */
  offer(events: readonly RoomEvent[]): boolean {
    const delivered = this.has(events.at(-1)?.seq ?? 0)
    if (delivered || this.#catchingUp || !this.#room || events[0]?.seq !== this.#room.seq + 1) return delivered
    if (events.length > SYNC_MAX) {
      this.#deferred = events
      return false
    }
    for (const event of events) this.#deliver(event)
    return true
  }

  /** Loads the room if necessary, then delivers the missing events. Calls must not overlap. */
  async catchUp(): Promise<void> {
    this.#catchingUp = true
    try {
      this.#room ??= await this.#dependencies.load(this.#roomId)
      if (!this.#room) return
      const deferred = this.#deferred
      this.#deferred = []
      await this.#deliverInSlices(deferred)
      if (this.#room.seq >= this.#knownSeq) return
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
    const excess = this.#recent.length - this.#recentMax()
    if (excess === 1) this.#recent.shift()
    else if (excess > 1) this.#recent.splice(0, excess)
    for (const subscriber of this.live) subscriber.push(update)
  }
}
