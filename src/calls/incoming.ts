import type { Clock } from '../core/clock.ts'
import { BoundedQueue, releasing } from '../events/queue.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { type IncomingCall, isRinging, silencedBy } from './ringing.ts'

/** Calls that one reader may be behind. */
const QUEUE_LIMIT = 256

interface Sources {
  /** Rooms that ring for a user. */
  ringing(userId: string, now: Date): Promise<readonly Room[]>
  readonly clock: Clock
}

/**
 * Tells users what rings for them. Each reader compares the rooms that it is shown with what it has told already, so a
 * room shown twice, late or out of order does no harm, and a reader that begins anew is told what rings now.
 */
export class IncomingCalls {
  readonly #sources: Sources
  readonly #readers = new Map<string, Set<BoundedQueue<Room>>>()

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** Users who listen here. */
  get size(): number {
    return this.#readers.size
  }

  /** Shows a room that has changed to those in it who listen. */
  offer(room: Room): void {
    for (const { userId } of room.participants) {
      for (const queue of this.#readers.get(userId) ?? []) queue.push(room)
    }
  }

  /**
   * What rings for the user now, then what begins and ceases to ring.
   *
   * @param onSlowConsumer - told when the reader has fallen too far behind, right before the stream fails
   */
  open(userId: string, onSlowConsumer?: () => void): AsyncIterableIterator<IncomingCall> {
    const queue = new BoundedQueue<Room>(QUEUE_LIMIT)
    const readers = this.#readers.get(userId) ?? new Set()
    this.#readers.set(userId, readers.add(queue))
    const release = () => {
      queue.close()
      readers.delete(queue)
      if (readers.size === 0 && this.#readers.get(userId) === readers) this.#readers.delete(userId)
    }
    return releasing(this.#read(userId, queue), { release, onSlowConsumer })
  }

  close(): void {
    for (const readers of this.#readers.values()) for (const queue of readers) queue.close()
    this.#readers.clear()
  }

  async *#read(userId: string, queue: BoundedQueue<Room>): AsyncGenerator<IncomingCall, undefined> {
    const { clock, ringing } = this.#sources
    /** The rooms told of as ringing, each with its seq: an older view of one must not bring it back. */
    const told = new Map<string, number>()
    for (const room of await ringing(userId, clock.now())) {
      told.set(room.id, room.seq)
      yield { type: 'ringing', room, deviceId: null, at: clock.now() }
    }
    for (;;) {
      const room = await queue.next()
      if (!room) return
      const known = told.get(room.id)
      if (known !== undefined && room.seq <= known) continue
      const rings = isRinging(room, userId)
      if (rings) told.set(room.id, room.seq)
      if (rings === (known !== undefined)) continue
      const place = findParticipant(room, userId)
      if (!rings) told.delete(room.id)
      const type = rings ? 'ringing' : silencedBy(place)
      yield { type, room, deviceId: type === 'answered' ? (place?.deviceId ?? null) : null, at: clock.now() }
    }
  }
}
