import type { Clock } from '../core/clock.ts'
import { LatestQueue } from '../events/queue.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { endOfRinging, type IncomingCall, isRinging } from './ringing.ts'

/** Maximum number of queued rooms per subscriber, and of rooms whose end it remembers. */
const QUEUE_LIMIT = 256

/**
 * A subscriber of a user's incoming calls. Compares each room with the state it reported last, so duplicate, late and
 * out-of-order rooms are harmless.
 */
export class CallSubscriber {
  readonly #userId: string
  /** Rooms that may have started or stopped ringing, each in its latest state. */
  readonly #queue: LatestQueue<Room>
  /** Whether the initially ringing calls have been reported. Until then every room must be queued. */
  #listed = false
  /** Rooms that were reported as ringing, each with its seq. */
  readonly #ringing = new Map<string, number>()
  /** Rooms that recently stopped ringing, each with its seq, so that an older state does not report them again. */
  readonly #stopped = new Map<string, number>()

  /** @param onOverflow - called for a slow consumer, whose iteration then fails with RATE_LIMITED */
  constructor(userId: string, onOverflow: () => void) {
    this.#userId = userId
    this.#queue = new LatestQueue(QUEUE_LIMIT, onOverflow)
  }

  /** Ids of the rooms that were reported as ringing. */
  get ringing(): Iterable<string> {
    return this.#ringing.keys()
  }

  /** The room's latest seq that was queued or reported; 0 if there is none. */
  seqOf(roomId: string): number {
    return this.#queue.get(roomId)?.seq ?? this.#ringing.get(roomId) ?? this.#stopped.get(roomId) ?? 0
  }

  /** Queues a room unless its state is outdated or does not change whether it rings. */
  push(room: Room): void {
    if (room.seq <= this.seqOf(room.id)) return
    const isKnown = this.#ringing.has(room.id)
    if (!this.#listed || isRinging(room, this.#userId) !== isKnown) this.#queue.put(room.id, room)
    else {
      this.#queue.drop(room.id)
      if (isKnown) this.#ringing.set(room.id, room.seq)
    }
  }

  /**
   * Yields the ringing calls, then every start and end of ringing.
   *
   * @param list - reads the rooms that are ringing now
   */
  async *follow(list: () => Promise<readonly Room[]>, clock: Clock): AsyncGenerator<IncomingCall, undefined> {
    for (const room of await list()) {
      this.#ringing.set(room.id, room.seq)
      yield { type: 'ringing', room, deviceId: null, at: clock.now() }
    }
    this.#listed = true
    for (let room = await this.#queue.next(); room; room = await this.#queue.next()) {
      const change = this.#changeBy(room)
      if (change) yield { ...change, room, at: clock.now() }
    }
  }

  close(): void {
    this.#queue.close()
  }

  #changeBy(room: Room): Pick<IncomingCall, 'type' | 'deviceId'> | undefined {
    const known = this.#ringing.get(room.id)
    if (room.seq <= (known ?? this.#stopped.get(room.id) ?? 0)) return undefined
    if (isRinging(room, this.#userId)) {
      this.#ringing.set(room.id, room.seq)
      return known === undefined ? { type: 'ringing', deviceId: null } : undefined
    }
    if (known === undefined) return undefined
    this.#rememberEnd(room)
    const participant = findParticipant(room, this.#userId)
    const type = endOfRinging(participant)
    return { type, deviceId: type === 'answered' ? (participant?.deviceId ?? null) : null }
  }

  #rememberEnd({ id, seq }: Room): void {
    this.#ringing.delete(id)
    this.#stopped.set(id, seq)
    for (const oldest of this.#stopped.keys()) {
      if (this.#stopped.size <= QUEUE_LIMIT) return
      this.#stopped.delete(oldest)
    }
  }
}
