import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import type { Observer } from '../core/observer.ts'
import type { Rates } from '../limits/rates.ts'
import type { Executor } from '../rooms/executor.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { requireAllowed } from '../rooms/policy.ts'
import { isDisconnectOf, isLast, mayConcernViewer, type RoomUpdate, snapshotOf } from './event.ts'
import type { Hub, RoomSubscriber, Subscription } from './hub.ts'
import type { EventLog } from '../rooms/event-log.ts'
import type { RoomSnapshots } from '../rooms/snapshots.ts'
import { BoundedQueue, ConsumerTooSlow, releasing } from './queue.ts'
import { ReadBack } from './read-back.ts'

export interface StreamRequest {
  readonly actor: Actor
  readonly roomId: string
  /** Number of the last event that the subscriber has received; undefined to begin with a snapshot. */
  readonly after: number | undefined
  /** The subscriber's device; absent to stand for whichever device has joined. */
  readonly deviceId?: string | undefined
}

export interface RoomStreams {
  /**
   * Streams the room's events, each exactly once and in order: first from the log, starting at the cursor, then live. Ends
   * after the event that ends the room, removes the subscriber or replaces the subscriber's device.
   *
   * @throws RtcError NOT_FOUND, FORBIDDEN, BAD_USER_INPUT for a cursor ahead of the room
   */
  open(request: StreamRequest): Promise<RoomStream>
  /**
   * Whether event number `after` was the last one of the subscriber's stream.
   *
   * @throws RtcError as `open`
   */
  isOver(request: StreamRequest & { readonly after: number }): Promise<boolean>
  /**
   * Reads at most `limit` events after number `after`, each with the room as of that event.
   *
   * @throws RtcError NOT_FOUND, FORBIDDEN
   */
  page(request: StreamRequest & { readonly after: number }, limit: number): Promise<readonly RoomUpdate[]>
  /** Drops what is cached of the log of a room, which was rewritten. */
  forget(roomId: string): void
}

/** Receives the live part of a stream. Must neither throw nor block. */
export interface StreamSink {
  push(update: RoomUpdate): void
  /** Called when the stream has ended; with an error if it ended early. */
  end(error?: Error): void
}

/** The lease of a device's live stream. While it is held, the participant who joined with that device is present. */
export interface StreamLease {
  /** Ends a grace that was begun by mistake, for instance by a node that considered this one dead. */
  reassert(): void
  /** Releases the lease when the stream has ended. `lost` begins the grace; false if the stream ended by its last event. */
  release(options: { lost: boolean }): void
}

/** Presence as used by room streams. */
export interface StreamPresence {
  /**
   * Acquires the lease for a new stream and ends the participant's grace. Returns undefined if the stream does not prove
   * presence, because the user is not a participant or the room has ended.
   */
  enter(request: {
    readonly room: Room
    readonly userId: string
    /** Null if the stream has no device. */
    readonly deviceId: string | null
  }): Promise<StreamLease | undefined>
}

/** Maximum number of live updates that wait for the end of the backfill. */
const CUTOVER_LIMIT = 256

interface Dependencies {
  readonly executor: Pick<Executor, 'load'>
  readonly presence: StreamPresence
  readonly readBack: ReadBack
  readonly hub: Hub
  readonly rates: Rates
  readonly clock: Clock
  readonly observer: Observer
}

export function createRoomStreams({
  events,
  snapshots,
  ...rest
}: Omit<Dependencies, 'readBack'> & { readonly events: EventLog; readonly snapshots: RoomSnapshots }): RoomStreams {
  const dependencies: Dependencies = { ...rest, readBack: new ReadBack(events, snapshots) }
  const { readBack } = dependencies
  const loadReadable = async ({ actor, roomId, after }: StreamRequest): Promise<Room> => {
    const room = await dependencies.executor.load(roomId)
    requireAllowed('read', { actor, room })
    if (after === undefined || (after >= 0 && after <= room.seq)) return room
    throw badInput([{ path: 'after', message: `must be between 0 and the room's seq, which is ${room.seq}` }])
  }

  return {
    forget: (roomId) => readBack.forget(roomId),

    async open(request) {
      dependencies.rates.count(request.actor, 'subscribe')
      const room = await loadReadable(request)
      const { actor, deviceId = null } = request
      const lease = await dependencies.presence.enter({ room, userId: actor.id, deviceId })
      const stream = new RoomStream(dependencies, { ...request, roomId: room.id }, lease)
      try {
        await stream.subscribe(room.seq)
        const { after } = request
        if (after !== undefined) {
          dependencies.observer.streamResumed?.({ roomId: room.id, userId: actor.id, missed: room.seq - after })
        }
        return stream
      } catch (error) {
        stream.close()
        throw error
      }
    },

    async isOver(request) {
      const { actor, after, deviceId } = request
      dependencies.rates.count(actor, 'command')
      const room = await loadReadable(request)
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
      const room = await loadReadable(request)
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
 * One subscriber's stream of a room: backfill from the log → cutover at the room of the subscription → live. `Delivery`
 * calls `backfill`, then `attach`; other consumers iterate. The owner must call `close`.
 */
export class RoomStream implements AsyncIterable<RoomUpdate>, RoomSubscriber {
  readonly #dependencies: Dependencies
  readonly #actor: Actor
  readonly #after: number | undefined
  readonly #deviceId: string | undefined
  readonly #lease: StreamLease | undefined
  #roomId: string
  /** Set from `subscribe` to the cutover; later it would only retain an earlier state of the room. */
  #subscription: Subscription | undefined
  #subscribed = false
  /** Live updates that were pushed before a sink was attached. */
  #pending: RoomUpdate[] | undefined
  #sink: StreamSink | undefined
  #failure: Error | undefined
  #over = false

  constructor(dependencies: Dependencies, request: StreamRequest, lease: StreamLease | undefined) {
    this.#dependencies = dependencies
    this.#actor = request.actor
    this.#roomId = request.roomId
    this.#after = request.after
    this.#deviceId = request.deviceId
    this.#lease = lease
  }

  /** Subscribes to the live part of the stream; the cutover is at event number `atLeast` or later. */
  async subscribe(atLeast: number): Promise<void> {
    const subscription = await this.#dependencies.hub.subscribe(this.#roomId, atLeast, this)
    if (!subscription) throw new RtcError('NOT_FOUND', 'There is no such room.')
    this.#subscription = subscription
    this.#subscribed = true
    // The string that all streams of the room share.
    this.#roomId = subscription.room.id
    if (this.#over) this.#unsubscribe()
    // If the user was removed after the first check, this room includes the removal and no event of it will follow.
    requireAllowed('read', { actor: this.#actor, room: subscription.room })
    // Likewise, a disconnect committed while this stream opened (of the user's previous stream) is not pushed.
    const participant = findParticipant(subscription.room, this.#actor.id)
    if (participant?.state === 'joined' && !participant.connected) this.#lease?.reassert()
  }

  /** A snapshot, or the events after the cursor. Stops early for a slow consumer; `attach` then reports the error. */
  async *backfill(): AsyncGenerator<RoomUpdate, undefined> {
    const after = this.#after
    const { room, recent } = this.#beginning
    if (after === undefined) yield snapshotOf(room, this.#dependencies.clock.now())
    else {
      const missed =
        after + 1 >= (recent[0]?.seq ?? Infinity)
          ? recent.filter(({ seq }) => seq > after)
          : this.#dependencies.readBack.updates(this.#roomId, { after, upTo: room.seq })
      for await (const update of missed) {
        if (this.#over) return
        yield update
      }
    }
  }

  /** Performs the cutover: pushes the updates since `subscribe` to the sink, then every live update. */
  attach(sink: StreamSink): void {
    if (this.#over) {
      sink.end(this.#failure)
      return
    }
    const { room } = this.#beginning
    const pending = this.#pending ?? []
    this.#sink = sink
    this.#pending = undefined
    this.#subscription = undefined
    if (room.status === 'ended') this.#finish()
    for (const update of pending) this.push(update)
  }

  /** Called by the hub with each live update. */
  push(update: RoomUpdate): void {
    if (this.#over) return
    if (!this.#sink) {
      this.#hold(update)
      return
    }
    this.#sink.push(update)
    // Fast path, which does not read this stream's own data: with many streams, it is not in the processor's cache.
    if (!mayConcernViewer(update)) return
    const userId = this.#actor.id
    if (isDisconnectOf(update, userId)) this.#lease?.reassert()
    if (isLast(update, { userId, deviceId: this.#deviceId })) this.#finish()
  }

  /**
   * Closes the stream, because its client has disconnected or the gateway shuts down; the client may resume it. If it was
   * the device's last stream, the grace begins.
   */
  close(): void {
    if (this.#over) return
    this.#release({ lost: true })
    this.#sink?.end()
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
    return this.#roomId
  }

  get viewer(): Actor {
    return this.#actor
  }

  get #beginning(): Subscription {
    if (!this.#subscription) throw new Error('call subscribe before reading the stream, and attach once')
    return this.#subscription
  }

  /** Holds a live update until the cutover. */
  #hold(update: RoomUpdate): void {
    this.#pending ??= []
    if (this.#pending.push(update) <= CUTOVER_LIMIT) return
    this.#failure = new ConsumerTooSlow('Too many events occurred during the backfill; resume with the last cursor.')
    this.#release({ lost: true })
  }

  /** Ends the stream after its last event, which does not begin a grace. */
  #finish(): void {
    if (this.#over) return
    this.#release({ lost: false })
    this.#sink?.end()
  }

  #release(options: { lost: boolean }): void {
    this.#over = true
    this.#pending = undefined
    if (this.#subscribed) this.#unsubscribe()
    this.#lease?.release(options)
  }

  #unsubscribe(): void {
    this.#dependencies.hub.unsubscribe(this.#roomId, this)
  }
}
