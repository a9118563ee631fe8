import { RtcError } from '../core/errors.ts'
import type { Lane, TimeSlices } from '../core/time-slices.ts'
import type { RoomUpdate } from './event.ts'
import { ConsumerTooSlow } from './queue.ts'

/** The message for one update, ready to be sent; a promise where a field had to be fetched. */
export type Payload = Buffer | Promise<Buffer>

/** How the subscribers of a group see an update. */
export interface View {
  /** The view's name without its viewer: views of the same name cost about the same and are counted as one. */
  readonly name: string
  /** Equal for subscribers who see the same. */
  readonly key: string
  /** Makes the message; synchronous unless a field has to be fetched. */
  create(): (update: RoomUpdate) => Payload
}

/** A subscriber of a room, as its group sees it. */
export interface FanOutSubscriber {
  /** The message of an update that was pushed; in order. */
  deliver(payload: Buffer): void
  /** The group could not keep up, or the message could not be made: nothing follows. */
  fail(error: Error): void
}

/** A subscriber's membership of a group. Must be left. */
export interface FanOutSubscription {
  /** The message for an update of the backfill. */
  payloadOf(update: RoomUpdate): Promise<Buffer>
  /** Queues an update: its message is made and delivered in the room's time slices. Never waits. */
  push(update: RoomUpdate): void
  leave(): void
}

/** Different views of one user in all rooms, and of one room for all of its subscribers. */
const VIEWS_OF_USER = 16
const VIEWS_OF_ROOM = 32
/** How far a group may be behind its room: updates, and milliseconds. */
const BACKLOG = { updates: 1024, age: 10_000 } as const
/** Bytes of messages that are kept for subscribers who resume after a short while. */
const CACHE_BYTES = 16 * 1024 * 1024
/** Members who are sent to between two checks of the time slice. */
const CHUNK = 16
/** Seconds after which a subscriber may come back. */
const RETRY_AFTER = { views: 10, cutOff: 2 } as const

/**
 * Makes each message once for all subscribers who see the same, in the time slices of the room: one room, or one costly
 * view of it, delays others by no more than a slice. A view that cannot keep up with its room is cut off.
 */
export class FanOut {
  readonly #slices: TimeSlices
  readonly #rooms = new Map<string, RoomLane>()
  readonly #views = new Map<string, SharedView>()
  readonly #viewsOfUsers = new Map<string, Counts>()
  readonly #cache = new PayloadCache(CACHE_BYTES)

  constructor(slices: TimeSlices) {
    this.#slices = slices
  }

  /** Groups of subscribers: one for each view of each room. */
  get size(): number {
    return [...this.#rooms.values()].reduce((sum, { groups }) => sum + groups.size, 0)
  }

  /** @throws RtcError RATE_LIMITED for one view too many of the user or of the room */
  join(
    { roomId, userId, view }: { roomId: string; userId: string; view: View },
    member: FanOutSubscriber,
  ): FanOutSubscription {
    const lane = this.#rooms.get(roomId) ?? new RoomLane(this.#slices)
    const ofUser = this.#viewsOfUsers.get(userId) ?? new Counts()
    if (!ofUser.has(view.name) && ofUser.size >= VIEWS_OF_USER) throw tooManyViews('A user', VIEWS_OF_USER)
    if (!lane.views.has(view.name) && lane.views.size >= VIEWS_OF_ROOM) throw tooManyViews('A room', VIEWS_OF_ROOM)
    this.#rooms.set(roomId, lane)
    this.#viewsOfUsers.set(userId, ofUser)
    ofUser.add(view.name)
    lane.views.add(view.name)

    const shared = this.#views.get(view.key) ?? new SharedView(view.create(), this.#cache)
    this.#views.set(view.key, shared)
    shared.members += 1
    const group = lane.groups.get(view.key) ?? new Group(shared, lane)
    lane.groups.set(view.key, group)
    group.members += 1

    let left = false
    return {
      payloadOf: async (update) => this.#slices.run(userId, () => shared.payloadOf(update)),
      push: (update) => group.push(update, member),
      leave: () => {
        if (left) return
        left = true
        ofUser.remove(view.name)
        if (ofUser.size === 0) this.#viewsOfUsers.delete(userId)
        lane.views.remove(view.name)
        if (lane.views.size === 0) this.#rooms.delete(roomId)
        shared.members -= 1
        if (shared.members === 0) this.#views.delete(view.key)
        group.members -= 1
        if (group.members === 0) lane.groups.delete(view.key)
      },
    }
  }
}

/** One room's groups, served round robin. */
class RoomLane implements Lane {
  readonly groups = new Map<string, Group>()
  readonly views = new Counts()
  readonly #slices: TimeSlices
  readonly #ready: Group[] = []

  constructor(slices: TimeSlices) {
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

/** An update that is being delivered to those who were in the group when it was pushed. */
interface Pending {
  readonly update: RoomUpdate
  readonly since: number
  readonly members: FanOutSubscriber[]
  payload: Buffer | undefined
  /** Members that the message was delivered to. */
  reached: number
}

/** The subscribers of one room who see the same. */
class Group {
  readonly #view: SharedView
  readonly #lane: RoomLane
  #pending: Pending[] = []
  /** Queued in the lane, or waiting for a field that is being fetched. */
  #busy = false
  #fetching: Pending | undefined
  members = 0

  constructor(view: SharedView, lane: RoomLane) {
    this.#view = view
    this.#lane = lane
  }

  push(update: RoomUpdate, member: FanOutSubscriber): void {
    const last = this.#pending.at(-1)
    if (last?.update === update) {
      last.members.push(member)
      return
    }
    const since = performance.now()
    const oldest = this.#pending[0]?.since ?? since
    this.#pending.push({ update, since, members: [member], payload: undefined, reached: 0 })
    if (this.#pending.length > BACKLOG.updates || since - oldest > BACKLOG.age) this.#fail(cutOff())
    else this.#wake()
  }

  /** Makes one message, or sends it to some of the members; returns whether there is more to do now. */
  step(): boolean {
    const [pending] = this.#pending
    if (pending && !pending.payload) this.#make(pending)
    else if (pending?.payload) this.#send(pending, pending.payload)
    if (this.#pending.length === 0) this.#busy = false
    return this.#busy && this.#fetching === undefined
  }

  #make(pending: Pending): void {
    if (performance.now() - pending.since > BACKLOG.age) return this.#fail(cutOff())
    let payload: Payload
    try {
      payload = this.#view.payloadOf(pending.update)
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
    const end = Math.min(pending.reached + CHUNK, pending.members.length)
    while (pending.reached < end) {
      const member = pending.members[pending.reached]
      pending.reached += 1
      member?.deliver(payload)
    }
    if (pending.reached === pending.members.length && this.#pending[0] === pending) this.#pending.shift()
  }

  #wake(): void {
    if (this.#busy) return
    this.#busy = true
    this.#lane.wake(this)
  }

  #fail(error: Error): void {
    const members = new Set(this.#pending.flatMap(({ members, reached }) => members.slice(reached)))
    this.#pending = []
    for (const member of members) member.fail(error)
  }
}

/** The messages of one view in all rooms, each made once. */
class SharedView {
  readonly #render: (update: RoomUpdate) => Payload
  readonly #cache: PayloadCache
  readonly #payloads = new Map<RoomUpdate, Payload>()
  members = 0

  constructor(render: (update: RoomUpdate) => Payload, cache: PayloadCache) {
    this.#render = render
    this.#cache = cache
  }

  payloadOf(update: RoomUpdate): Payload {
    const known = this.#payloads.get(update)
    if (known) return known
    const payload = this.#render(update)
    if (payload instanceof Promise) {
      this.#payloads.set(update, payload)
      payload.then(
        (ready) => this.#keep(update, ready),
        () => this.#payloads.delete(update),
      )
    } else this.#keep(update, payload)
    return payload
  }

  #keep(update: RoomUpdate, payload: Buffer): void {
    this.#payloads.set(update, payload)
    // The update keeps its state of the room in memory, too.
    const bytes = payload.length + 1024 + 16 * update.room.participants.length
    this.#cache.add(bytes, () => this.#payloads.delete(update))
  }
}

/** Bounds the bytes of all messages that are kept; the oldest is dropped first. */
class PayloadCache {
  readonly #limit: number
  #kept: { readonly bytes: number; readonly drop: () => void }[] = []
  #first = 0
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(bytes: number, drop: () => void): void {
    this.#kept.push({ bytes, drop })
    this.#bytes += bytes
    while (this.#bytes > this.#limit) this.#dropOldest()
    if (this.#first > 1024 && this.#first * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#first)
      this.#first = 0
    }
  }

  #dropOldest(): void {
    const oldest = this.#kept[this.#first]
    this.#first += 1
    if (!oldest) return
    this.#bytes -= oldest.bytes
    oldest.drop()
  }
}

/** How often each name is in use. */
class Counts {
  readonly #counts = new Map<string, number>()

  get size(): number {
    return this.#counts.size
  }

  has(name: string): boolean {
    return this.#counts.has(name)
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  remove(name: string): void {
    const left = (this.#counts.get(name) ?? 0) - 1
    if (left > 0) this.#counts.set(name, left)
    else this.#counts.delete(name)
  }
}

const tooManyViews = (owner: string, limit: number) =>
  new RtcError(
    'RATE_LIMITED',
    `${owner} may have ${limit} different selections of a room's stream at a time; use one document for all.`,
    { retryAfter: RETRY_AFTER.views },
  )

const cutOff = () => new ConsumerTooSlow('The stream costs more than its time; select less.', RETRY_AFTER.cutOff)
