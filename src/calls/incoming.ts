import { levelOf } from '../core/failures.ts'
import type { Clock } from '../core/clock.ts'
import { forEach } from '../core/for-each.ts'
import type { Logger } from '../core/logger.ts'
import { LatestQueue, releasing } from '../events/queue.ts'
import type { Rates } from '../limits/rates.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { type IncomingCall, isRinging, silencedBy } from './ringing.ts'

/** Calls that one reader may be behind. */
const QUEUE_LIMIT = 256
/** Users whose calls one statement looks at. */
const CHECK_BATCH = 1000

interface Dependencies {
  /** Rooms that ring for any of these users. */
  ringing(userIds: readonly string[], now: Date): Promise<readonly Room[]>
  /** The same, only which rooms and how far each has come. */
  ringingSeqs(userIds: readonly string[], now: Date): Promise<readonly RingingSeq[]>
  load(roomId: string): Promise<Room | null>
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

/** In a hint: the room may have begun or ceased to ring for anybody. It is nobody's id. */
export const EVERYBODY = ''
/** Rooms that are loaded at the same time to be shown. */
const CONCURRENCY = 2

/** One device that listens. */
interface Reader {
  /** Rooms that may have begun or ceased to ring, each as it was last. */
  readonly queue: LatestQueue<Room>
  /** Whether what rang at first has been read: until then nothing shown can be known to be told. */
  listed: boolean
  /** The rooms told of as ringing, each with its seq. */
  readonly told: Map<string, number>
  /** Those that ceased to ring lately: an older view of one must not bring it back. */
  readonly over: Map<string, number>
}

/**
 * Tells users what rings for them. Each reader compares the rooms that it is shown with what it has told already, so a
 * room shown twice, late or out of order does no harm, and a reader that begins anew is told what rings now.
 */
export class IncomingCalls {
  readonly #dependencies: Dependencies
  readonly #readers = new Map<string, Set<Reader>>()
  /** Rooms that are being loaded; true when it is worth loading once more. */
  readonly #loading = new Map<string, boolean>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Users who listen here. */
  get size(): number {
    return this.#readers.size
  }

  /** Shows a room that has changed to those in it who listen. */
  offer(room: Room): void {
    for (const { userId } of room.participants) {
      for (const reader of this.#readers.get(userId) ?? []) show(room, userId, reader)
    }
  }

  /** Says that a room may have begun or ceased to ring for a user, or for {@link EVERYBODY}. Never throws. */
  hint(roomId: string, userId: string): void {
    if (userId === EVERYBODY ? this.#readers.size > 0 : this.#readers.has(userId)) void this.#show(roomId)
  }

  /** Looks at everything that rings, or was told of as ringing, for those who listen here; loads only what is news. */
  async check(): Promise<void> {
    const { ringingSeqs, clock } = this.#dependencies
    const users = [...this.#readers.keys()]
    const told = [...this.#readers.values()].flatMap((readers) => [...readers]).flatMap(({ told }) => [...told.keys()])
    const silent = new Set(told)
    const news = new Set<string>()
    for (let from = 0; from < users.length; from += CHECK_BATCH) {
      for (const { userId, roomId, seq } of await ringingSeqs(users.slice(from, from + CHECK_BATCH), clock.now())) {
        silent.delete(roomId)
        const readers = [...(this.#readers.get(userId) ?? [])]
        if (readers.some((reader) => seq > seenBy(reader, roomId))) news.add(roomId)
      }
    }
    await forEach([...news, ...silent], { concurrency: CONCURRENCY }, (roomId) => this.#show(roomId))
  }

  /**
   * What rings for the user now, then what begins and ceases to ring.
   * A reader that is too far behind fails with RATE_LIMITED.
   *
   * @throws RtcError RATE_LIMITED
   */
  open(userId: string): AsyncIterableIterator<IncomingCall> {
    this.#dependencies.rates.take('subscribe', userId)
    const release = () => {
      reader.queue.close()
      readers.delete(reader)
      if (readers.size === 0 && this.#readers.get(userId) === readers) this.#readers.delete(userId)
    }
    const queue = new LatestQueue<Room>(QUEUE_LIMIT, release)
    const reader: Reader = { queue, listed: false, told: new Map(), over: new Map() }
    const readers = this.#readers.get(userId) ?? new Set()
    this.#readers.set(userId, readers.add(reader))
    return releasing(this.#read(userId, reader), { release })
  }

  /** What rings for the user now. */
  async ringingFor(userId: string): Promise<readonly IncomingCall[]> {
    const { ringing, clock } = this.#dependencies
    const now = clock.now()
    const rooms = await ringing([userId], now)
    return rooms.map((room) => ({ type: 'ringing', room, deviceId: null, at: now }))
  }

  close(): void {
    for (const readers of this.#readers.values()) for (const { queue } of readers) queue.close()
    this.#readers.clear()
  }

  /** Loads a room once at a time, however many hints there are. */
  async #show(roomId: string): Promise<void> {
    const { load, log } = this.#dependencies
    if (this.#loading.has(roomId)) {
      this.#loading.set(roomId, true)
      return
    }
    try {
      do {
        this.#loading.set(roomId, false)
        const room = await load(roomId)
        if (room) this.offer(room)
      } while (this.#loading.get(roomId))
    } catch (error) {
      // Nothing is lost: the next check looks at it again.
      log[levelOf(error)]({ roomId, err: error }, 'could not see whether a room rings')
    } finally {
      this.#loading.delete(roomId)
    }
  }

  async *#read(userId: string, reader: Reader): AsyncGenerator<IncomingCall, undefined> {
    const { clock, ringing } = this.#dependencies
    const { queue, told, over } = reader
    for (const room of await ringing([userId], clock.now())) {
      told.set(room.id, room.seq)
      yield { type: 'ringing', room, deviceId: null, at: clock.now() }
    }
    reader.listed = true
    for (;;) {
      const room = await queue.next()
      if (!room) return
      const known = told.get(room.id)
      if (room.seq <= (known ?? over.get(room.id) ?? 0)) continue
      const rings = isRinging(room, userId)
      if (rings) told.set(room.id, room.seq)
      if (rings === (known !== undefined)) continue
      const place = findParticipant(room, userId)
      if (!rings) silence(room, reader)
      const type = rings ? 'ringing' : silencedBy(place)
      yield { type, room, deviceId: type === 'answered' ? (place?.deviceId ?? null) : null, at: clock.now() }
    }
  }
}

/** How far the room had come when the reader last heard of it, or is about to hear of it. */
const seenBy = ({ queue, told, over }: Reader, roomId: string): number =>
  queue.get(roomId)?.seq ?? told.get(roomId) ?? over.get(roomId) ?? 0

/** Queues what a reader is to be told; what would change nothing for it is not queued. */
function show(room: Room, userId: string, reader: Reader): void {
  const { queue, listed, told } = reader
  const known = told.get(room.id)
  if (room.seq <= seenBy(reader, room.id)) return
  if (listed && isRinging(room, userId) === (known !== undefined)) {
    queue.drop(room.id)
    if (known !== undefined) told.set(room.id, room.seq)
  } else queue.put(room.id, room)
}

function silence({ id, seq }: Room, { told, over }: Reader): void {
  told.delete(id)
  over.set(id, seq)
  for (const oldest of over.keys()) {
    if (over.size <= QUEUE_LIMIT) return
    over.delete(oldest)
  }
}
