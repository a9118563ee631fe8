import { apply, type Room, type RoomEvent } from '../rooms/model.ts'
import { type RoomUpdate, updateOf } from './event.ts'
import type { EventLog } from '../rooms/event-log.ts'

/** Events per page. Pages begin at multiples of it, so that subscribers can share them. */
const PAGE = 64
/** Maximum bytes of cached pages. */
const CACHE_BYTES = 16 * 1024 * 1024

interface Page {
  readonly updates: readonly RoomUpdate[]
  /** The room after the page. */
  readonly room: Room
}

interface Entry {
  readonly page: Promise<Page>
  /** Set once the page is loaded. */
  loaded?: Page
  bytes: number
}

/**
 * Reads the logs of rooms page by page. Subscribers that resume at the same time share the cached pages with their update
 * objects, and thereby the messages created for these objects. A stalled subscriber therefore retains only pages that
 * other subscribers use as well.
 */
export class ReadBack {
  readonly #events: EventLog
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(events: EventLog) {
    this.#events = events
  }

  /** Bytes of the cached pages, as estimated by {@link sizeOf}. */
  get bytes(): number {
    return this.#bytes
  }

  /** The updates after number `after` up to `upTo`, each with the room as of that event. */
  async *updates(roomId: string, { after, upTo }: { after: number; upTo: number }): AsyncGenerator<RoomUpdate> {
    if (after >= upTo) return
    let { index, room } = this.#begin(roomId, { after, upTo })
    for (; index * PAGE < upTo; index += 1) {
      const page: Page = await this.#page({ roomId, index, upTo }, room)
      room = page.room
      for (const update of page.updates) if (update.seq > after) yield update
    }
  }

  /** Where to start: the last page at or before the cursor for which the room's preceding state is known. */
  #begin(roomId: string, { after, upTo }: { after: number; upTo: number }): { index: number; room: Room | null } {
    for (let index = Math.floor(after / PAGE); index > 0; index -= 1) {
      const before = this.#entries.get(keyOf({ roomId, index: index - 1, upTo }))?.loaded
      if (before) return { index, room: before.room }
    }
    return { index: 0, room: null }
  }

  #page(wanted: { roomId: string; index: number; upTo: number }, before: Room | null): Promise<Page> {
    const key = keyOf(wanted)
    const known = this.#entries.get(key)
    if (known) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known.page
    }
    const entry: Entry = { page: this.#load(wanted, before), bytes: 0 }
    this.#entries.set(key, entry)
    entry.page.then(
      (page) => this.#store(key, entry, page),
      () => this.#entries.delete(key),
    )
    return entry.page
  }

  async #load({ roomId, index, upTo }: { roomId: string; index: number; upTo: number }, before: Room | null) {
    const after = index * PAGE
    const [events = []] = await this.#events.read([{ roomId, after, upTo, limit: PAGE }])
    return fold(events, before)
  }

  #store(key: string, entry: Entry, page: Page): void {
    if (this.#entries.get(key) !== entry) return
    entry.loaded = page
    entry.bytes = sizeOf(page)
    this.#bytes += entry.bytes
    for (const [oldest, { bytes, loaded }] of this.#entries) {
      if (this.#bytes <= CACHE_BYTES) return
      if (!loaded) continue
      this.#entries.delete(oldest)
      this.#bytes -= bytes
    }
  }
}

/** The key of a page. It includes the page's last event number, since the last page of a log grows. */
function keyOf({ roomId, index, upTo }: { roomId: string; index: number; upTo: number }): string {
  return `${roomId}:${index}:${Math.min(upTo, (index + 1) * PAGE)}`
}

function fold(events: readonly RoomEvent[], before: Room | null): Page {
  let room = before
  const updates = events.map((event) => {
    room = apply(room, event)
    return updateOf(event, room)
  })
  if (!room) throw new TypeError('the log of a room is empty')
  return { updates, room }
}

/** Estimates a page's memory in bytes: the participants, and for each update its list of participants. */
function sizeOf({ updates, room }: Page): number {
  const lists = updates.reduce((sum, update) => sum + 1024 + 8 * update.room.participants.length, 0)
  return lists + 512 * room.participants.length
}
