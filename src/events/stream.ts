import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import type { Rates } from '../limits/rates.ts'
import type { Executor } from '../rooms/executor.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { requireAllowed } from '../rooms/policy.ts'
import { isLast, isLossOf, type RoomUpdate, snapshotOf } from './event.ts'
import type { Hub, Subscription } from './hub.ts'
import type { EventLog } from '../rooms/event-log.ts'
import { BoundedQueue, ConsumerTooSlow, releasing } from './queue.ts'
import { ReadBack } from './read-back.ts'

export interface StreamRequest {
  readonly actor: Actor
  readonly roomId: string
  /** The last event that the subscriber has; absent: begin with a snapshot. */
  readonly after: number | undefined
  /** The subscriber's device; absent: whichever holds the seat. */
  readonly deviceId?: string | undefined
}

export interface RoomStreams {
  /**
   * The room's events, each exactly once and in order: from the cursor on from the log, then live. Ends after the event
   * that ends the room, removes the subscriber, or replaces its device by another one of the same user.
   *
   * @throws RtcError NOT_FOUND, FORBIDDEN, BAD_USER_INPUT for a cursor ahead of the room
   */
  open(request: StreamRequest): Promise<RoomStream>
  /**
   * Whether event number `after` was the last of the subscriber's stream.
   *
   * @throws RtcError as `open`
   */
  isOver(request: StreamRequest & { readonly after: number }): Promise<boolean>
  /**
   * The events behind number `after`, at most `limit` of them, each with the room as of then.
   *
   * @throws RtcError NOT_FOUND, FORBIDDEN
   */
  page(request: StreamRequest & { readonly after: number }, limit: number): Promise<readonly RoomUpdate[]>
}

/** Receives the live part of a stream. It must neither throw nor block. */
export interface StreamSink {
  push(update: RoomUpdate): void
  /** The stream is over; with an error if it was cut off. */
  end(error?: Error): void
}

/** The lease of a device's live stream: while it is held, the participant who joined from that device is present. */
export interface StreamLease {
  /** Ends a grace that began although the stream is live, for instance by a node that took this one for dead. */
  reassert(): void
  /** The stream has ended: `lost` begins the grace, unless it ended with its last event. */
  release(options: { lost: boolean }): void
}

/** Presence as room streams see it. */
export interface StreamPresence {
  /**
   * Takes the lease of a stream that opens and ends the grace of its participant; undefined when the stream proves
   * nothing, because the user is no participant or the room has ended.
   */
  enter(request: {
    readonly room: Room
    readonly userId: string
    /** Null: the stream names no device. */
    readonly deviceId: string | null
  }): Promise<StreamLease | undefined>
}

/** Updates that may be pending while the subscriber still receives its backfill. */
const CUTOVER_LIMIT = 256

interface Dependencies {
  readonly executor: Pick<Executor, 'load'>
  readonly presence: StreamPresence
  readonly readBack: ReadBack
  readonly hub: Hub
  readonly rates: Rates
  readonly clock: Clock
}

export function createRoomStreams({
  events,
  ...others
}: Omit<Dependencies, 'readBack'> & { readonly events: EventLog }): RoomStreams {
  const dependencies: Dependencies = { ...others, readBack: new ReadBack(events) }
  const { readBack } = dependencies
  const readable = async ({ actor, roomId, after }: StreamRequest): Promise<Room> => {
    const room = await dependencies.executor.load(roomId)
    requireAllowed('read', { actor, room })
    if (after === undefined || (after >= 0 && after <= room.seq)) return room
    throw badInput([{ path: 'after', message: `must be between 0 and the room's seq, which is ${room.seq}` }])
  }

  return {
    async open(request) {
      dependencies.rates.count(request.actor, 'subscribe')
      const room = await readable(request)
      const { actor, deviceId = null } = request
      const lease = await dependencies.presence.enter({ room, userId: actor.id, deviceId })
      const stream = new RoomStream(dependencies, { ...request, roomId: room.id }, lease)
      try {
        await stream.subscribe(room.seq)
        return stream
      } catch (error) {
        stream.close()
        throw error
      }
    },

    async isOver(request) {
      const { actor, after, deviceId } = request
      dependencies.rates.count(actor, 'command')
      const room = await readable(request)
      if (room.status === 'ended' && after === room.seq) return true
      const [[event] = []] = await events.read([{ roomId: room.id, after: after - 1, upTo: after, limit: 1 }])
      if (!event) return false
      const participant = event.data.participants?.find(({ userId }) => userId === event.subjectId) ?? null
      const { type } = event
      return isLast({ type, participant, room: { status: 'active' } }, { userId: actor.id, deviceId })
    },

    async page(request, limit) {
      const { actor, after } = request
      dependencies.rates.count(actor, 'command')
      const room = await readable(request)
      const updates: RoomUpdate[] = []
      for await (const update of readBack.updates(room.id, { after, upTo: room.seq })) {
        updates.push(update)
        if (updates.length === limit) break
      }
      return updates
    },
  }
}

/**
 * One subscriber's stream of a room: backfill from the log → cutover at the subscription's room → live. `Delivery` uses
 * the two parts, `backfill` and then `attach`; others iterate. Must be closed.
 */
export class RoomStream implements AsyncIterable<RoomUpdate> {
  readonly #dependencies: Dependencies
  readonly #request: StreamRequest
  readonly #lease: StreamLease | undefined
  #subscription: Subscription | undefined
  /** Updates that were pushed before a sink was attached. */
  #early: RoomUpdate[] = []
  #sink: StreamSink | undefined
  #failure: Error | undefined
  #over = false

  constructor(dependencies: Dependencies, request: StreamRequest, lease: StreamLease | undefined) {
    this.#dependencies = dependencies
    this.#request = request
    this.#lease = lease
  }

  /** Subscribes to the room's live part, behind event number `atLeast`. */
  async subscribe(atLeast: number): Promise<void> {
    const { actor, roomId } = this.#request
    const subscriber = { push: (update: RoomUpdate) => this.#push(update), close: () => this.#cutOff() }
    this.#subscription = (await this.#dependencies.hub.subscribe(roomId, atLeast, subscriber)) ?? undefined
    if (!this.#subscription) throw new RtcError('NOT_FOUND', 'There is no such room.')
    if (this.#over) this.#subscription.close()
    // A removal between the two reads is part of this room, so no event of it will follow.
    requireAllowed('read', { actor, room: this.#subscription.room })
    // A disconnect that was committed while this stream opened, for instance of the stream before it, is not pushed.
    const place = findParticipant(this.#subscription.room, actor.id)
    if (place?.state === 'joined' && !place.connected) this.#lease?.reassert()
  }

  /** A snapshot, or everything after the cursor. Stops early if the subscriber is too slow; `attach` reports that. */
  async *backfill(): AsyncGenerator<RoomUpdate, undefined> {
    const { after, roomId } = this.#request
    const { room, recent } = this.#place
    if (after === undefined) yield snapshotOf(room, this.#dependencies.clock.now())
    else {
      const behind =
        after + 1 >= (recent[0]?.seq ?? Infinity)
          ? recent.filter(({ seq }) => seq > after)
          : this.#dependencies.readBack.updates(roomId, { after, upTo: room.seq })
      for await (const update of behind) {
        if (this.#over) return
        yield update
      }
    }
  }

  /** Cutover: hands over the updates since `subscribe`, then every update as it is pushed. */
  attach(sink: StreamSink): void {
    if (this.#over) {
      sink.end(this.#failure)
      return
    }
    this.#sink = sink
    const early = this.#early
    this.#early = []
    if (this.#place.room.status === 'ended') this.#finish()
    for (const update of early) this.#push(update)
  }

  /** The client has gone: if this was the device's last stream, the grace begins. */
  close(): void {
    this.#release({ lost: true })
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<RoomUpdate> {
    return releasing(this.#pull(), { release: () => this.close() })
  }

  async *#pull(): AsyncGenerator<RoomUpdate, undefined> {
    yield* this.backfill()
    const queue = new BoundedQueue<RoomUpdate>(CUTOVER_LIMIT)
    this.attach({
      push: (update) => queue.push(update),
      end: (error) => (error ? queue.fail(error) : queue.end()),
    })
    for (let update = await queue.next(); update; update = await queue.next()) yield update
  }

  get roomId(): string {
    return this.#request.roomId
  }

  get viewer(): Actor {
    return this.#request.actor
  }

  get #place(): Subscription {
    if (!this.#subscription) throw new Error('a stream is subscribed before it is read')
    return this.#subscription
  }

  #push(update: RoomUpdate): void {
    if (this.#over) return
    if (!this.#sink) {
      this.#keep(update)
      return
    }
    this.#sink.push(update)
    const userId = this.#request.actor.id
    // Most events cannot end this stream: they concern other participants.
    if (update.participant?.userId !== userId && update.room.status !== 'ended') return
    if (isLossOf(update, userId)) this.#lease?.reassert()
    if (isLast(update, { userId, deviceId: this.#request.deviceId })) this.#finish()
  }

  #keep(update: RoomUpdate): void {
    if (this.#early.push(update) <= CUTOVER_LIMIT) return
    this.#failure = new ConsumerTooSlow('Too much has happened since the cursor; resume with the last one.')
    this.#release({ lost: true })
  }

  /** The stream's last event was pushed, so its end begins no grace. */
  #finish(): void {
    if (this.#over) return
    this.#release({ lost: false })
    this.#sink?.end()
  }

  /** The gateway ends the stream; the client is expected to resume it. */
  #cutOff(): void {
    if (this.#over) return
    this.#release({ lost: true })
    this.#sink?.end()
  }

  #release(options: { lost: boolean }): void {
    this.#over = true
    this.#early = []
    this.#subscription?.close()
    this.#lease?.release(options)
  }
}
