import type { Metadata, Room } from './model.ts'

/** Bound on the size of all cached rooms together, in bytes as {@link sizeOf} estimates them. */
const BYTES_MAX = 64 * 1024 * 1024

/**
 * Caches rooms as this node last wrote them, so that the next command on a room needs no read. Another node may have
 * committed meanwhile, so a decision on a cached room is valid only if the commit finds the room's `seq` unchanged. The
 * least recently used rooms are evicted first.
 */
export class RoomCache {
  /** Ordered from the least to the most recently used. */
  readonly #rooms = new Map<string, Room>()
  #bytes = 0

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
    this.#bytes += sizeOf(room)
    for (const oldest of this.#rooms.keys()) {
      if (this.#bytes <= BYTES_MAX) return
      this.delete(oldest)
    }
  }

  delete(roomId: string): void {
    const room = this.#rooms.get(roomId)
    if (!room) return
    this.#rooms.delete(roomId)
    this.#bytes -= sizeOf(room)
  }
}

/** Sizes of metadata, which never changes and is shared by all versions of a room. */
const metadataSizes = new WeakMap<object, number>()

/** Estimates the size of a room in bytes. */
function sizeOf({ participants, metadata }: Room): number {
  return 1024 * (1 + participants.length) + (metadata ? sizeOfMetadata(metadata) : 0)
}

function sizeOfMetadata(metadata: Metadata): number {
  const size = metadataSizes.get(metadata) ?? 2 * JSON.stringify(metadata).length
  metadataSizes.set(metadata, size)
  return size
}
