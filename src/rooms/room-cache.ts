import type { Room } from './model.ts'

/** Bound on the participants of all cached rooms together; every room counts as at least one. */
const PARTICIPANTS_MAX = 100_000

/**
 * Caches rooms as this node last wrote them, so that the next command on a room needs no read. Another node may have
 * committed meanwhile, so a decision on a cached room is valid only if the commit finds the room's `seq` unchanged. The
 * least recently used rooms are evicted first.
 */
export class RoomCache {
  /** Ordered from the least to the most recently used. */
  readonly #rooms = new Map<string, Room>()
  #participants = 0

  /** Number of cached rooms. */
  get size(): number {
    return this.#rooms.size
  }

  get(roomId: string): Room | undefined {
    const room = this.#rooms.get(roomId)
    if (!room) return undefined
    this.#rooms.delete(roomId)
    this.#rooms.set(roomId, room)
    return room
  }

  /** Caches the room; drops it when it has ended. */
  put(room: Room): void {
    this.delete(room.id)
    if (room.status === 'ended') return
    this.#rooms.set(room.id, room)
    this.#participants += sizeOf(room)
    for (const oldest of this.#rooms.keys()) {
      if (this.#participants <= PARTICIPANTS_MAX) return
      this.delete(oldest)
    }
  }

  delete(roomId: string): void {
    const room = this.#rooms.get(roomId)
    if (!room) return
    this.#rooms.delete(roomId)
    this.#participants -= sizeOf(room)
  }
}

const sizeOf = ({ participants }: Room): number => Math.max(1, participants.length)
