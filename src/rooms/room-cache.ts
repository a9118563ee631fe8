import type { Room } from './model.ts'

/** Participants of all kept rooms together; a room without any counts as one. */
const PARTICIPANTS_MAX = 100_000

/**
 * Rooms as this node has written them last, so that the next command on one of them needs no read. Another node may have
 * gone on meanwhile: what is decided on a kept room counts only if the commit finds the room's `seq` unchanged. The least
 * recently used go first.
 */
export class RoomCache {
  /** The least recently used comes first. */
  readonly #rooms = new Map<string, Room>()
  #participants = 0

  /** How many rooms are kept. */
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

  /** Keeps the room; one that has ended is not needed any more. */
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
