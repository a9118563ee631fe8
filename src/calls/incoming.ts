import type { Clock } from '../core/clock.ts'
import { Coalescer } from '../core/coalescer.ts'
import { levelOf } from '../core/failures.ts'
import { forEach } from '../core/for-each.ts'
import type { Logger } from '../core/logger.ts'
import type { LiveStreams } from '../events/live-streams.ts'
import type { Notice, StreamNotice } from '../events/notice.ts'
import { releasing } from '../events/queue.ts'
import { Subscribers } from '../events/subscribers.ts'
import type { Rates } from '../limits/rates.ts'
import type { Room, RoomEvent } from '../rooms/model.ts'
import { CallSubscriber } from './call-subscriber.ts'
import { type IncomingCall, ringingChangedFor } from './ringing.ts'

/**
 * Participants of a room all of whom are shown what was committed, so that the next check knows that they have seen it. Of
 * a larger room those see it who have changed.
 */
const SHOWN_TO_ALL = 64
/** Users whose calls one statement checks. */
const CHECK_BATCH = 1_000
/** Rooms that a check loads at the same time. */
const CONCURRENCY = 2
/** Users for whom a room begins or ceases to ring that get a notice each; more share one for everybody. */
const NOTICES_MAX = 32
/** The user of a notice that concerns everybody in the room. It is nobody's id. */
const EVERYBODY = ''

interface Dependencies {
  /** Rooms that ring for any of these users. */
  ringing(userIds: readonly string[], now: Date): Promise<readonly Room[]>
  /** The same, without the rooms' contents. */
  ringingSeqs(userIds: readonly string[], now: Date): Promise<readonly RingingSeq[]>
  load(roomId: string): Promise<Room | null>
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  readonly rates: Pick<Rates, 'take'>
  readonly clock: Clock
  readonly log: Logger
}

/** A room that rings for a user, and the number of its last event. */
export interface RingingSeq {
  readonly userId: string
  readonly roomId: string
  readonly seq: number
}

/**
 * The streams of incoming calls, by user. A stream that is opened again begins with what rings then; notices are hints to
 * load a room and show it to its participants.
 */
export class IncomingCalls implements LiveStreams {
  readonly #dependencies: Dependencies
  readonly #subscribers = new Subscribers<CallSubscriber>()
  readonly #loads = new Coalescer((roomId) => this.#load(roomId))

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Users with at least one subscriber here. */
  get size(): number {
    return this.#subscribers.size
  }

  committed(room: Room, events: readonly RoomEvent[]): void {
    if (room.participants.length <= SHOWN_TO_ALL) this.#show(room)
    else {
      const userIds = new Set(events.flatMap(({ data }) => data.participants ?? []).map(({ userId }) => userId))
      for (const userId of userIds) this.#showTo(userId, room)
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

  /** Loads only rooms that have changed for a subscriber, and those that were reported as ringing and ring no more. */
  async check(): Promise<void> {
    const { ringingSeqs, clock } = this.#dependencies
    const silent = new Set(this.#subscribers.all().flatMap(({ ringing }) => [...ringing]))
    const changed = new Set<string>()
    for (const userIds of this.#subscribers.keyBatches(CHECK_BATCH)) {
      for (const { userId, roomId, seq } of await ringingSeqs(userIds, clock.now())) {
        silent.delete(roomId)
        const subscribers = [...this.#subscribers.of(userId)]
        if (subscribers.some((subscriber) => seq > subscriber.seqOf(roomId))) changed.add(roomId)
      }
    }
    await forEach([...changed, ...silent], { concurrency: CONCURRENCY }, (roomId) => this.#loads.run(roomId))
  }

  /**
   * What rings for the user now, then what begins and ceases to ring.
   * A subscriber that is too far behind fails with RATE_LIMITED.
   *
   * @throws RtcError RATE_LIMITED
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
    return releasing(
      subscriber.follow(() => ringing([userId], clock.now()), clock),
      { release },
    )
  }

  /** What rings for the user now. */
  async ringingFor(userId: string): Promise<readonly IncomingCall[]> {
    const { ringing, clock } = this.#dependencies
    const now = clock.now()
    const rooms = await ringing([userId], now)
    return rooms.map((room) => ({ type: 'ringing', room, deviceId: null, at: now }))
  }

  close(): void {
    this.#subscribers.close()
  }

  #show(room: Room): void {
    for (const { userId } of room.participants) this.#showTo(userId, room)
  }

  #showTo(userId: string, room: Room): void {
    for (const subscriber of this.#subscribers.of(userId)) subscriber.show(room)
  }

  /** Never rejects. */
  async #load(roomId: string): Promise<void> {
    const { load, log } = this.#dependencies
    try {
      const room = await load(roomId)
      if (room) this.#show(room)
    } catch (error) {
      // The next check loads it again.
      log[levelOf(error)]({ roomId, err: error }, 'could not see whether a room rings')
    }
  }
}
