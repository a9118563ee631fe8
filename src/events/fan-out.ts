import { Counts } from '../core/counts.ts'
import { RtcError } from '../core/errors.ts'
import { KeptTexts } from '../core/kept-texts.ts'
import { noObserver, type Observer } from '../core/observer.ts'
import type { Lane, TimeSlices } from '../core/time-slices.ts'
import type { RoomUpdate } from './event.ts'
import { ConsumerTooSlow } from './queue.ts'
import { type Payload, PayloadCache, SharedView, type View } from './shared-view.ts'

/** A subscriber of a room, as used by its group. */
export interface FanOutSubscriber {
  /** Called with the message of each pushed update, in order. */
  deliver(payload: Buffer): void
  /** Called instead of `deliver` if the group is too slow or a message could not be created. Final. */
  fail(error: Error): void
}

/** A subscriber's registration with a group. The owner must call `leave`. */
export interface FanOutSubscription {
  readonly group: FanOutGroup
  /** Creates the message for an update of the backfill. */
  payloadOf(update: RoomUpdate): Promise<Buffer>
  leave(): void
}

/** The subscribers of one room that get the same messages. */
export interface FanOutGroup {
  /**
   * Queues an update, whose message is created and delivered to the subscriber in the room's time slices. Called for each
   * subscriber of the group. Never blocks.
   */
  push(update: RoomUpdate, subscriber: FanOutSubscriber): void
}

/** Maximum number of different views: of one user over all rooms, and of one room over all subscribers. */
const VIEWS_OF_USER = 16
const VIEWS_OF_ROOM = 32
/** Number of a room's views whose texts are kept: each takes about as much memory as the participants. */
const VIEWS_KEPT = 4
/** Maximum backlog of a group: pending updates, and milliseconds since the oldest of them. */
const BACKLOG = { updates: 1024, age: 10_000 } as const
/** Deliveries per step, that is between two checks of the time slice. */
const CHUNK = 16
/** Seconds after which a refused or disconnected subscriber may retry. */
const RETRY_AFTER = { views: 10, tooExpensive: 2 } as const

/**
 * Creates each message once for all subscribers with the same view, in time slices: one room, or one expensive view of a
 * room, delays the others at most by a slice. Groups whose backlog exceeds the maximum are disconnected.
 */
export class FanOut {
  readonly #slices: TimeSlices
  readonly #observer: Observer
  readonly #rooms = new Map<string, RoomLane>()
  readonly #views = new Map<string, SharedView>()
  readonly #viewsOfUsers = new Map<string, Counts>()
  readonly #cache = new PayloadCache()

  constructor(slices: TimeSlices, observer: Observer = noObserver) {
    this.#slices = slices
    this.#observer = observer
  }

  /** Number of groups: one for each view of each room. */
  get size(): number {
    return [...this.#rooms.values()].reduce((sum, { groups }) => sum + groups.size, 0)
  }

  /** What waits to be delivered: the pending updates of all groups, and milliseconds since the oldest of them. */
  backlog(): { readonly updates: number; readonly age: number } {
    let updates = 0
    let oldest = Infinity
    for (const { groups } of this.#rooms.values()) {
      for (const { backlog } of groups.values()) {
        updates += backlog.updates
        oldest = Math.min(oldest, backlog.since)
      }
    }
    return { updates, age: updates === 0 ? 0 : performance.now() - oldest }
  }

  /** @throws RtcError RATE_LIMITED if the user or the room has too many different views */
  join({ roomId, userId, view }: { roomId: string; userId: string; view: View }): FanOutSubscription {
    const lane = this.#rooms.get(roomId) ?? new RoomLane(roomId, this.#slices)
    const ofUser = this.#viewsOfUsers.get(userId) ?? new Counts()
    if (!ofUser.has(view.name) && ofUser.size >= VIEWS_OF_USER) throw tooManyViews('A user', VIEWS_OF_USER)
    if (!lane.views.has(view.name) && lane.views.size >= VIEWS_OF_ROOM) throw tooManyViews('A room', VIEWS_OF_ROOM)
    this.#rooms.set(roomId, lane)
    this.#viewsOfUsers.set(userId, ofUser)

    const shared = this.#views.get(view.key) ?? new SharedView(view, this.#cache)
    this.#views.set(view.key, shared)
    shared.subscribers += 1
    // The view's own strings, so that the subscriber's are not retained.
    ofUser.add(shared.name)
    lane.views.add(shared.name)
    const group = lane.groups.get(shared.key) ?? new Group(shared, lane, this.#observer)
    lane.groups.set(shared.key, group)
    group.subscribers += 1
    return new Membership({ group, userId, fanOut: this })
  }

  /** Creates the message for an update of a subscription's backfill. */
  async payloadOf(update: RoomUpdate, { view }: Group, userId: string): Promise<Buffer> {
    const payload = await this.#slices.run(userId, () => view.payloadOf(update, { live: false, kept: undefined }))
    this.#observer.delivery?.({ kind: 'backfill', subscribers: 1, bytes: payload.length, duration: undefined })
    return payload
  }

  /** Called by a subscription that ends. */
  leave({ view, lane }: Group, userId: string): void {
    const ofUser = this.#viewsOfUsers.get(userId)
    ofUser?.remove(view.name)
    if (ofUser?.size === 0) this.#viewsOfUsers.delete(userId)
    lane.views.remove(view.name)
    if (lane.views.size === 0) this.#rooms.delete(lane.roomId)
    view.subscribers -= 1
    if (view.subscribers === 0) this.#views.delete(view.key)
    const group = lane.groups.get(view.key)
    if (!group) return
    group.subscribers -= 1
    if (group.subscribers === 0) lane.groups.delete(view.key)
  }
}

/** One subscriber's registration. There are as many as subscribers, so it has fields instead of closures. */
class Membership implements FanOutSubscription {
  readonly group: Group
  readonly #userId: string
  readonly #fanOut: FanOut
  #left = false

  constructor(parts: { readonly group: Group; readonly userId: string; readonly fanOut: FanOut }) {
    this.group = parts.group
    this.#userId = parts.userId
    this.#fanOut = parts.fanOut
  }

  payloadOf(update: RoomUpdate): Promise<Buffer> {
    return this.#fanOut.payloadOf(update, this.group, this.#userId)
  }

  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#fanOut.leave(this.group, this.#userId)
  }
}

/** The groups of one room, served round robin. */
class RoomLane implements Lane {
  readonly roomId: string
  readonly groups = new Map<string, Group>()
  readonly views = new Counts()
  readonly #slices: TimeSlices
  readonly #ready: Group[] = []

  constructor(roomId: string, slices: TimeSlices) {
    this.roomId = roomId
    this.#slices = slices
  }

  wake(group: Group): void {
    this.#ready.push(group)
    this.#slices.wake(this)
  }

  step(): boolean {
    const group = this.#ready.shift()
    if (group?.step()) this.#ready.push(group)
    return this.#ready.length > 0
  }
}

/** An update whose message has not been delivered to all of the subscribers that pushed it. */
interface Pending {
  readonly update: RoomUpdate
  readonly since: number
  readonly subscribers: FanOutSubscriber[]
  payload: Buffer | undefined
  /** Number of subscribers that the message was delivered to. */
  delivered: number
}

/** The subscribers of one room with the same view. */
class Group implements FanOutGroup {
  readonly view: SharedView
  readonly lane: RoomLane
  readonly #observer: Observer
  #pending: Pending[] = []
  /** Whether the group is queued in the lane or waits for a field that is being fetched. */
  #busy = false
  #fetching: Pending | undefined
  readonly #kept: KeptTexts | undefined
  subscribers = 0

  constructor(view: SharedView, lane: RoomLane, observer: Observer) {
    this.#kept = lane.groups.size < VIEWS_KEPT ? new KeptTexts() : undefined
    this.view = view
    this.lane = lane
    this.#observer = observer
  }

  /** The pending updates, and the arrival of the oldest. */
  get backlog(): { readonly updates: number; readonly since: number } {
    return { updates: this.#pending.length, since: this.#pending[0]?.since ?? Infinity }
  }

  push(update: RoomUpdate, subscriber: FanOutSubscriber): void {
    const last = this.#pending.at(-1)
    if (last?.update === update) {
      last.subscribers.push(subscriber)
      return
    }
    const since = performance.now()
    const oldest = this.#pending[0]?.since ?? since
    this.#pending.push({ update, since, subscribers: [subscriber], payload: undefined, delivered: 0 })
    if (this.#pending.length > BACKLOG.updates || since - oldest > BACKLOG.age) this.#fail(tooExpensive())
    else this.#wake()
  }

  /** Creates one message, or delivers it to a chunk of subscribers; returns whether another step can follow now. */
  step(): boolean {
    const [pending] = this.#pending
    if (pending && !pending.payload) this.#create(pending)
    else if (pending?.payload) this.#send(pending, pending.payload)
    if (this.#pending.length === 0) this.#busy = false
    return this.#busy && this.#fetching === undefined
  }

  #create(pending: Pending): void {
    if (performance.now() - pending.since > BACKLOG.age) return this.#fail(tooExpensive())
    let payload: Payload
    try {
      payload = this.view.payloadOf(pending.update, { live: true, kept: this.#kept })
    } catch (error) {
      return this.#fail(error as Error)
    }
    if (!(payload instanceof Promise)) {
      pending.payload = payload
      this.#send(pending, payload)
      return
    }
    this.#fetching = pending
    payload.then(
      (ready) => {
        pending.payload = ready
        this.#resume(pending)
      },
      (error: unknown) => {
        if (this.#pending[0] === pending) this.#fail(error as Error)
        this.#resume(pending)
      },
    )
  }

  #resume(pending: Pending): void {
    if (this.#fetching !== pending) return
    this.#fetching = undefined
    this.#busy = false
    if (this.#pending.length > 0) this.#wake()
  }

  #send(pending: Pending, payload: Buffer): void {
    const { subscribers } = pending
    const end = Math.min(pending.delivered + CHUNK, subscribers.length)
    while (pending.delivered < end) {
      const subscriber = subscribers[pending.delivered]
      pending.delivered += 1
      subscriber?.deliver(payload)
    }
    if (pending.delivered < subscribers.length || this.#pending[0] !== pending) return
    this.#pending.shift()
    const duration = performance.now() - pending.since
    const { cause } = pending.update
    this.#observer.delivery?.({ kind: 'live', subscribers: subscribers.length, bytes: payload.length, duration, cause })
  }

  #wake(): void {
    if (this.#busy) return
    this.#busy = true
    this.lane.wake(this)
  }

  #fail(error: Error): void {
    const waiting = new Set(this.#pending.flatMap(({ subscribers, delivered }) => subscribers.slice(delivered)))
    this.#pending = []
    for (const subscriber of waiting) subscriber.fail(error)
  }
}

const tooManyViews = (owner: string, limit: number) =>
  new RtcError(
    'RATE_LIMITED',
    `${owner} may have ${limit} different selections of roomUpdated at a time; use the same document for all streams.`,
    { retryAfter: RETRY_AFTER.views },
  )

const tooExpensive = () =>
  new ConsumerTooSlow('The selection is too expensive for the rate of events; select less.', RETRY_AFTER.tooExpensive)
