import type { Clock } from '../core/clock.ts'
import { Coalescer } from '../core/coalescer.ts'
import { codeOf } from '../core/errors.ts'
import { levelOf } from '../core/failures.ts'
import { forEach } from '../core/for-each.ts'
import type { Logger } from '../core/logger.ts'
import type { LiveStreams } from '../events/live-streams.ts'
import type { Interest } from '../events/interest.ts'
import { EVERYBODY, type Notice, type StreamNotice, userTopic } from '../events/notice.ts'
import { releasing } from '../events/queue.ts'
import { Subscribers } from '../events/subscribers.ts'
import type { Rates } from '../limits/rates.ts'
import { findParticipant, reachMayChange, type Room, type RoomEvent } from '../rooms/model.ts'
import { CallSubscriber } from './call-subscriber.ts'
import { type IncomingCall, ringingChangedFor } from './ringing.ts'

/**
 * Maximum size of a room whose commits are pushed to all participants, so that the next check knows that they are up to
 * date. Commits of larger rooms are pushed only to the participants that changed.
 */
const PUSH_TO_ALL_MAX = 64
/** Users per statement of a check. */
const CHECK_BATCH = 1_000
/** Rooms that a check loads concurrently. */
const CONCURRENCY = 2
/** Maximum number of notices per commit, one per user; a commit that affects more users sends one notice for all. */
const NOTICES_MAX = 32
interface Dependencies {
  /** Reads the rooms that ring for any of these users. */
  ringing(userIds: readonly string[], now: Date): Promise<readonly Room[]>
  /** Like `ringing`, but reads only the rooms' ids and numbers. */
  ringingSeqs(userIds: readonly string[], now: Date): Promise<readonly RingingSeq[]>
  load(roomId: string): Promise<Room | null>
  /** Called for a user's first subscriber at this node; the returned function after the last one. */
  connected(userId: string): () => void
  /** Records that the ring got to a device of the user. */
  reached(roomId: string, userId: string): Promise<void>
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  /** Requests the notices of a topic from the other nodes. */
  watch(topic: string): Interest
  readonly rates: Pick<Rates, 'take'>
  readonly clock: Clock
  readonly log: Logger
}

/** A room that rings for a user, with the number of its last event. */
export interface RingingSeq {
  readonly userId: string
  readonly roomId: string
  readonly seq: number
}

/**
 * The live streams of incoming calls, by user. They have no cursor: a new stream begins with the calls that are ringing.
 * Notices are hints to load a room and push it to the subscribers among its participants.
 */
export class IncomingCalls implements LiveStreams {
  readonly #dependencies: Dependencies
  readonly #subscribers: Subscribers<CallSubscriber>
  readonly #loads = new Coalescer((roomId) => this.#load(roomId))
  /** Rings that are being recorded as received, by room and user. */
  readonly #recording = new Set<string>()
  /** Rings that could not be recorded. */
  readonly #unrecorded: { readonly roomId: string; readonly userId: string }[] = []

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#subscribers = new Subscribers((userId) => this.#connect(userId))
  }

  /** Number of users with at least one subscriber at this node. */
  get size(): number {
    return this.#subscribers.size
  }

  /** Whether the user has a subscriber at this node. */
  has(userId: string): boolean {
    return this.#subscribers.has(userId)
  }

  committed(room: Room, events: readonly RoomEvent[]): void {
    if (room.participants.length <= PUSH_TO_ALL_MAX) this.#push(room)
    else {
      const userIds = new Set(events.flatMap(({ data }) => data.participants ?? []).map(({ userId }) => userId))
      for (const userId of userIds) this.#pushTo(userId, room)
    }
    const changed = ringingChangedFor(room, events)
    const userIds = changed.size > NOTICES_MAX ? [EVERYBODY] : changed
    for (const userId of userIds) this.#dependencies.announce({ kind: 'ringing', roomId: room.id, userId })
  }

  notice(notice: StreamNotice): void {
    if (notice.kind !== 'ringing') return
    const { roomId, userId } = notice
    const concerns = userId === EVERYBODY ? this.#subscribers.size > 0 : this.#subscribers.has(userId)
    if (concerns) void this.#loads.run(roomId)
  }

  /** Loads the rooms that changed for a subscriber, and those that were reported as ringing but no longer ring. */
  async check(): Promise<void> {
    const { ringingSeqs, clock } = this.#dependencies
    const stopped = new Set(this.#subscribers.all().flatMap(({ ringing }) => [...ringing]))
    const changed = new Set<string>()
    for (const userIds of this.#subscribers.keyBatches(CHECK_BATCH)) {
      for (const { userId, roomId, seq } of await ringingSeqs(userIds, clock.now())) {
        stopped.delete(roomId)
        const subscribers = [...this.#subscribers.of(userId)]
        if (subscribers.some((subscriber) => seq > subscriber.seqOf(roomId))) changed.add(roomId)
      }
    }
    for (const { roomId, userId } of this.#unrecorded.splice(0)) if (this.has(userId)) void this.#record(roomId, userId)
    await forEach([...changed, ...stopped], { concurrency: CONCURRENCY }, (roomId) => this.#loads.run(roomId))
  }

  /**
   * Streams the user's incoming calls: first those that are ringing, then every start and end of ringing. The stream of a
   * slow consumer fails with RATE_LIMITED.
   *
   * @throws RtcError RATE_LIMITED if the user opens streams too often
   */
  open(userId: string): AsyncIterableIterator<IncomingCall> {
    const { rates, ringing, clock } = this.#dependencies
    rates.take('subscribe', userId)
    const release = () => {
      subscriber.close()
      remove()
    }
    const subscriber = new CallSubscriber(userId, release)
    const remove = this.#subscribers.add(userId, subscriber)
    const list = async () => {
      await this.#subscribers.ready(userId)
      const rooms = await ringing([userId], clock.now())
      for (const room of rooms) this.#reach(userId, room)
      return rooms
    }
    return releasing(subscriber.follow(list, clock), { release })
  }

  /** The calls that are ringing for the user. */
  async ringingFor(userId: string): Promise<readonly IncomingCall[]> {
    const { ringing, clock } = this.#dependencies
    const now = clock.now()
    const rooms = await ringing([userId], now)
    return rooms.map((room) => ({ type: 'ringing', room, deviceId: null, at: now }))
  }

  close(): void {
    this.#subscribers.close()
  }

  #push(room: Room): void {
    for (const { userId } of room.participants) this.#pushTo(userId, room)
  }

  #pushTo(userId: string, room: Room): void {
    if (!this.has(userId)) return
    for (const subscriber of this.#subscribers.of(userId)) subscriber.push(room)
    this.#reach(userId, room)
  }

  #connect(userId: string): Interest {
    const interest = this.#dependencies.watch(userTopic(userId))
    const disconnect = this.#dependencies.connected(userId)
    return {
      get ready() {
        return interest.ready
      },
      release() {
        interest.release()
        disconnect()
      },
    }
  }

  /** Records that a room which rings for a user has got to a device here, unless the room says so already. */
  #reach(userId: string, room: Room): void {
    const participant = findParticipant(room, userId)
    if (participant && reachMayChange(room, participant)) void this.#record(room.id, userId)
  }

  /** Never rejects. */
  async #record(roomId: string, userId: string): Promise<void> {
    const key = `${roomId} ${userId}`
    if (this.#recording.has(key)) return
    this.#recording.add(key)
    try {
      await this.#dependencies.reached(roomId, userId)
    } catch (error) {
      this.#dependencies.log[levelOf(error)]({ roomId, err: error }, 'could not record that a ring was received')
      // The next check tries again.
      if (codeOf(error) === 'UNAVAILABLE') this.#unrecorded.push({ roomId, userId })
    }
    this.#recording.delete(key)
  }

  /** Never rejects. */
  async #load(roomId: string): Promise<void> {
    const { load, log } = this.#dependencies
    try {
      const room = await load(roomId)
      if (room) this.#push(room)
    } catch (error) {
      // The next check loads it again.
      log[levelOf(error)]({ roomId, err: error }, 'could not load a room that may ring')
    }
  }
}
