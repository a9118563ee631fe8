import { levelOf } from '../core/failures.ts'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { FairQueue } from '../core/fair-queue.ts'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import type { Logger } from '../core/logger.ts'
import type { LiveStreams } from '../events/live-streams.ts'
import type { Interest } from '../events/interest.ts'
import { type Notice, roomTopic, type StreamNotice } from '../events/notice.ts'
import { releasing } from '../events/queue.ts'
import { Subscribers } from '../events/subscribers.ts'
import type { Rates } from '../limits/rates.ts'
import type { Room } from '../rooms/model.ts'
import { WakeSignal } from './wake-signal.ts'
import { requirePayloadFits, type SendSignal } from './input.ts'
import { MAILBOX_SHARE, RETENTION, type Signal } from './model.ts'
import { isCurrent, notJoined, requireMembership, type Membership } from './policy.ts'
import type { SignalStore } from './store.ts'

interface Dependencies {
  readonly store: SignalStore
  load(roomId: string): Promise<Room | null>
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  /** Requests the notices of a topic from the other nodes. */
  watch(topic: string): Interest
  readonly rates: Rates
  readonly clock: Clock
  readonly log: Logger
}

/** A subscriber of a participant's mailbox. */
interface SignalSubscriber {
  readonly membership: Membership
  /** The room's seq at the time of subscribing; older states of the room must not end the stream. */
  readonly roomSeq: number
  readonly wake: WakeSignal
  /** The seq of the last delivered signal. */
  cursor: number
  close(): void
}

/** Maximum number of queued signals per mailbox. */
const QUEUE = { perUser: MAILBOX_SHARE, total: 4096 } as const
/** Signals per read. Bounds a subscriber's memory to 1 MiB, as a signal has at most 32 KiB. */
const PAGE = 32
/** Subscribers per statement of a check. */
const CHECK_BATCH = 5_000
/** Milliseconds after which a failed read of a mailbox is retried. */
const RETRY = 1_000

/**
 * WebRTC signalling. Signals are stored in the addressee's mailbox in the database, and subscribers read it by cursor.
 * Commits and notices only wake subscribers to read: a lost notice delays a signal but does not lose it.
 */
export class Signals implements LiveStreams {
  readonly #dependencies: Dependencies
  /** By room id. */
  readonly #subscribers: Subscribers<SignalSubscriber>
  /** By mailbox, which is written sequentially; signals are queued here so that they do not occupy connections. */
  readonly #sending = new FairQueue(QUEUE)

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#subscribers = new Subscribers((roomId) => dependencies.watch(roomTopic(roomId)))
  }

  /** Number of rooms with at least one subscriber at this node. */
  get size(): number {
    return this.#subscribers.size
  }

  /**
   * Sends a signal from one joined participant to another.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN unless both have joined; ROOM_ENDED; BAD_USER_INPUT if the addressee is the
   * sender; PAYLOAD_TOO_LARGE; RATE_LIMITED if the sender's share of the addressee's mailbox is full
   */
  async send(actor: Actor, givenId: string, input: SendSignal): Promise<Signal> {
    const roomId = canonicalUuid(givenId)
    const { store, announce, rates, clock } = this.#dependencies
    rates.count(actor, 'command')
    rates.count(actor, 'signal')
    if (input.toId === actor.id) throw badInput([{ path: 'toId', message: 'must be another user' }])
    requirePayloadFits(input.payload)
    if (!isRoomId(roomId)) throw notFound()
    const { now, outcome } = await this.#sending.run(`${roomId} ${input.toId}`, actor.id, async () => {
      const now = clock.now()
      return { now, outcome: await store.send({ ...input, roomId, fromId: actor.id, at: now }) }
    })
    if (outcome.kind === 'absent') throw await this.#refusal(actor, roomId, input.toId)
    if (outcome.kind === 'full') throw mailboxFull(input.toId, outcome.oldestAt, now)
    this.#wake(roomId, input.toId)
    announce({ kind: 'signal', roomId, userId: input.toId })
    return outcome.signal
  }

  /**
   * Streams the signals to the actor in order: first the kept ones after the cursor, or since the join if there is no
   * cursor, then live. Gaps in the numbers are expired signals. Ends with the room or with the actor's membership.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN if the actor has not joined; ROOM_ENDED; BAD_USER_INPUT for a cursor ahead of
   * the mailbox
   */
  async open(actor: Actor, givenId: string, after?: number): Promise<AsyncIterableIterator<Signal>> {
    const roomId = canonicalUuid(givenId)
    this.#dependencies.rates.count(actor, 'subscribe')
    const room = await this.#load(roomId)
    const membership = requireMembership(actor, room)
    if (after !== undefined) await this.#requireWithin(membership, after)
    const wake = new WakeSignal()
    const subscriber = { membership, roomSeq: room.seq, wake, cursor: after ?? 0, close: () => wake.close() }
    const remove = this.#subscribers.add(roomId, subscriber)
    const release = () => {
      subscriber.close()
      remove()
    }
    return releasing(this.#follow(subscriber, after), { release })
  }

  /** Ends the streams whose membership has ended. */
  committed(room: Room): void {
    for (const { membership, roomSeq, wake } of this.#subscribers.of(room.id)) {
      if (room.seq > roomSeq && !isCurrent(membership, room)) wake.close()
    }
  }

  notice(notice: StreamNotice): void {
    if (notice.kind === 'signal') this.#wake(notice.roomId, notice.userId)
    // Reading the mailbox also checks whether the membership has ended.
    else if (notice.kind === 'room') this.#wake(notice.roomId)
  }

  async check(): Promise<void> {
    for (const batch of this.#subscribers.batches(CHECK_BATCH)) {
      for (const index of await this.#dependencies.store.outdated(batch)) batch[index]?.wake.notify()
    }
  }

  close(): void {
    this.#subscribers.close()
  }

  /** Makes the subscribers of a participant, or of all participants of the room, read their mailbox. */
  #wake(roomId: string, userId?: string): void {
    for (const { membership, wake } of this.#subscribers.of(roomId)) {
      if (userId === undefined || membership.userId === userId) wake.notify()
    }
  }

  async *#follow(subscriber: SignalSubscriber, after: number | undefined): AsyncGenerator<Signal, undefined> {
    const { membership, wake } = subscriber
    const since = after === undefined ? membership.joinedAt : new Date(0)
    await this.#subscribers.ready(membership.roomId)
    while (!wake.closed) {
      const signals = await this.#read(membership, { after: subscriber.cursor, since, limit: PAGE }, wake)
      if (!signals) return
      for (const signal of signals) {
        if (wake.closed) return
        subscriber.cursor = signal.seq
        yield signal
      }
      if (signals.length < PAGE) await wake.wait()
    }
  }

  /** Reads a mailbox; null when the membership has ended. Returns no signals and schedules a retry if reading fails. */
  async #read(membership: Membership, range: { after: number; since: Date; limit: number }, wake: WakeSignal) {
    const { store, clock, log } = this.#dependencies
    try {
      return await store.read(membership, range, clock.now())
    } catch (error) {
      log[levelOf(error)]({ roomId: membership.roomId, err: error }, 'signals could not be read')
      setTimeout(() => wake.notify(), RETRY).unref()
      return []
    }
  }

  async #load(roomId: string): Promise<Room> {
    const room = isRoomId(roomId) ? await this.#dependencies.load(roomId) : null
    if (!room) throw notFound()
    return room
  }

  async #requireWithin({ roomId, userId }: Membership, after: number): Promise<void> {
    const last = await this.#dependencies.store.lastSeq(roomId, userId)
    if (after >= 0 && after <= last) return
    throw badInput([{ path: 'after', message: `must be between 0 and the last signal's seq, which is ${last}` }])
  }

  /** The error for a signal that was not stored because sender and addressee were not both joined. */
  async #refusal(actor: Actor, roomId: string, toId: string): Promise<RtcError> {
    requireMembership(actor, await this.#load(roomId))
    return notJoined(toId)
  }
}

const notFound = () => new RtcError('NOT_FOUND', 'There is no such room.')

function mailboxFull(userId: string, oldestAt: Date, now: Date): RtcError {
  const retryAfter = Math.max(1, Math.ceil((oldestAt.getTime() - now.getTime()) / 1000 + RETENTION))
  return new RtcError('RATE_LIMITED', `Too many of your signals are kept for ${userId}.`, { retryAfter })
}
