import type { Clock } from '../core/clock.ts'
import { LatestQueue } from '../events/queue.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { type IncomingCall, isRinging, silencedBy } from './ringing.ts'

/** Calls that one subscriber may be behind; also those whose end it remembers. */
const QUEUE_LIMIT = 256

/**
 * One device that follows its user's incoming calls. Each room that it is shown is compared with what it was told before,
 * so a room that is shown twice, late or out of order does no harm.
 */
export class CallSubscriber {
  readonly #userId: string
  /** Rooms that may have begun or ceased to ring, each in its latest state. */
  readonly #queue: LatestQueue<Room>
  /** Whether the calls that rang at the start have been listed: before that, nothing shown can be skipped. */
  #listed = false
  /** Rooms that were reported as ringing, each with its seq. */
  readonly #ringing = new Map<string, number>()
  /** Rooms that ceased to ring lately: an older state of one must not report it again. */
  readonly #over = new Map<string, number>()

  /** @param onOverflow - called when the subscriber is too far behind; its iteration fails with RATE_LIMITED */
  constructor(userId: string, onOverflow: () => void) {
    this.#userId = userId
    this.#queue = new LatestQueue(QUEUE_LIMIT, onOverflow)
  }

  /** The rooms that were reported as ringing. */
  get ringing(): Iterable<string> {
    return this.#ringing.keys()
  }

  /** The room's seq that the subscriber was told last, or is about to be told; 0 for none. */
  seqOf(roomId: string): number {
    return this.#queue.get(roomId)?.seq ?? this.#ringing.get(roomId) ?? this.#over.get(roomId) ?? 0
  }

  /** Queues a room, unless its state is old or changes nothing for the subscriber. */
  show(room: Room): void {
    if (room.seq <= this.seqOf(room.id)) return
    const isKnown = this.#ringing.has(room.id)
    if (!this.#listed || isRinging(room, this.#userId) !== isKnown) this.#queue.put(room.id, room)
    else {
      this.#queue.drop(room.id)
      if (isKnown) this.#ringing.set(room.id, room.seq)
    }
  }

  /**
   * What rings at the start, then what begins and ceases to ring.
   *
   * @param list - reads what rings now
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
    if (room.seq <= (known ?? this.#over.get(room.id) ?? 0)) return undefined
    if (isRinging(room, this.#userId)) {
      this.#ringing.set(room.id, room.seq)
      return known === undefined ? { type: 'ringing', deviceId: null } : undefined
    }
    if (known === undefined) return undefined
    this.#remember(room)
    const participant = findParticipant(room, this.#userId)
    const type = silencedBy(participant)
    return { type, deviceId: type === 'answered' ? (participant?.deviceId ?? null) : null }
  }

  #remember({ id, seq }: Room): void {
    this.#ringing.delete(id)
    this.#over.set(id, seq)
    for (const oldest of this.#over.keys()) {
      if (this.#over.size <= QUEUE_LIMIT) return
      this.#over.delete(oldest)
    }
  }
}
