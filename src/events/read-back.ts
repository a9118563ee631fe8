import { apply, type Room, type RoomEvent } from '../rooms/model.ts'
import { type RoomUpdate, updateOf } from './event.ts'
import type { EventLog } from '../rooms/event-log.ts'
import type { RoomSnapshots } from '../rooms/snapshots.ts'

/** Events per page. Pages begin at multiples of it, so that subscribers can share them. */
const PAGE = 64
/** Maximum bytes of cached pages. */
const CACHE_BYTES = 16 * 1024 * 1024

/** A position in a room's log at the beginning of a page. */
interface Position {
  /** The page that begins here. */
  readonly index: number
  /** The room before the page; null before the first one. */
  readonly room: Room | null
  /** The cost of the rows of `room`, shared by all pages that were folded from the same state. */
  readonly rows: SharedRows
}

interface Page {
  readonly updates: readonly RoomUpdate[]
  /** Estimated memory that the page takes beyond the {@link SharedRows}. */
  readonly bytes: number
  /** Where the next page begins. */
  readonly end: Position
}

/** Bytes of the participants that several pages share. They count once, until the last of these pages is evicted. */
interface SharedRows {
  bytes: number
  pages: number
}

interface Entry {
  readonly page: Promise<Page>
  /** Set once the page is loaded. */
  loaded?: Page
}

/**
 * Reads the logs of rooms page by page, beginning at the last snapshot before the cursor. Subscribers that resume at the
 * same time share the cached pages with their update objects, and thereby the messages created for these objects. A
 * stalled subscriber therefore retains only pages that other subscribers use as well.
 */
export class ReadBack {
  readonly #events: EventLog
  readonly #snapshots: Pick<RoomSnapshots, 'lastUntil'>
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(events: EventLog, snapshots: Pick<RoomSnapshots, 'lastUntil'>) {
    this.#events = events
    this.#snapshots = snapshots
  }

  /** Bytes of the cached pages, as estimated by {@link fold}. */
  get bytes(): number {
    return this.#bytes
  }

  /** The updates after number `after` up to `upTo`, each with the room as of that event. */
  async *updates(roomId: string, { after, upTo }: { after: number; upTo: number }): AsyncGenerator<RoomUpdate> {
    if (after >= upTo) return
    let position = await this.#begin(roomId, { after, upTo })
    while (position.index * PAGE < upTo) {
      const page: Page = await this.#page(roomId, position, upTo)
      position = page.end
      for (const update of page.updates) if (update.seq > after) yield update
    }
  }

  /** The beginning of the cursor's page if the page before it is cached, otherwise of one shortly after a snapshot. */
  async #begin(roomId: string, { after, upTo }: { after: number; upTo: number }): Promise<Position> {
    const index = Math.floor(after / PAGE)
    if (index === 0) return { index, room: null, rows: { bytes: 0, pages: 0 } }
    const before = this.#entries.get(keyOf({ roomId, index: index - 1, upTo }))?.loaded
    if (before) return before.end
    return (await this.#cached(`${roomId}<${index}`, () => this.#nearest(roomId, index))).end
  }

  #page(roomId: string, position: Position, upTo: number): Promise<Page> {
    const { index } = position
    return this.#cached(keyOf({ roomId, index, upTo }), async () => {
      const [events = []] = await this.#events.read([{ roomId, after: index * PAGE, upTo, limit: PAGE }])
      return fold(events, position)
    })
  }

  /**
   * An empty page that ends where a page begins, at or before page number `index`: the first one after the last snapshot
   * that allows this. Readers with different cursors thus begin at the same page and share those that follow.
   */
  async #nearest(roomId: string, index: number): Promise<Page> {
    const room = await this.#snapshots.lastUntil(roomId, index * PAGE)
    const seq = room?.seq ?? 0
    const start: Position = { index: Math.ceil(seq / PAGE), room, rows: { bytes: 0, pages: 0 } }
    const upTo = start.index * PAGE
    if (seq === upTo) return { updates: [], bytes: 0, end: start }
    const [events = []] = await this.#events.read([{ roomId, after: seq, upTo, limit: PAGE }])
    const { end } = fold(events, start)
    return { updates: [], bytes: 0, end: { ...start, room: end.room } }
  }

  /** Drops what is cached of a room, whose log was rewritten. */
  forget(roomId: string): void {
    for (const [key, { loaded }] of this.#entries) {
      if (!key.startsWith(roomId)) continue
      this.#entries.delete(key)
      if (loaded) this.#bytes -= loaded.bytes + release(loaded.end.rows)
    }
  }

  #cached(key: string, load: () => Promise<Page>): Promise<Page> {
    const known = this.#entries.get(key)
    if (known) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known.page
    }
    const entry: Entry = { page: load() }
    this.#entries.set(key, entry)
    entry.page.then(
      (page) => this.#store(key, entry, page),
      () => this.#entries.delete(key),
    )
    return entry.page
  }

  #store(key: string, entry: Entry, page: Page): void {
    if (this.#entries.get(key) !== entry) return
    const { rows, room } = page.end
    entry.loaded = page
    rows.pages += 1
    const grown = Math.max(0, ROW_BYTES * (room?.participants.length ?? 0) - rows.bytes)
    rows.bytes += grown
    this.#bytes += page.bytes + grown
    for (const [oldest, { loaded }] of this.#entries) {
      if (this.#bytes <= CACHE_BYTES) return
      if (!loaded) continue
      this.#entries.delete(oldest)
      this.#bytes -= loaded.bytes + release(loaded.end.rows)
    }
  }
}

/** The key of a page. It includes the page's last event number, since the last page of a log grows. */
function keyOf({ roomId, index, upTo }: { roomId: string; index: number; upTo: number }): string {
  return `${roomId}:${index}:${Math.min(upTo, (index + 1) * PAGE)}`
}

/** Estimated bytes of a participant, and of an update without its participants. */
const ROW_BYTES = 512
const UPDATE_BYTES = 1536

/**
 * Applies the events of a page. Of the list of participants, an update takes the changed chunks only: all versions share
 * the others.
 */
function fold(events: readonly RoomEvent[], { index, room: before, rows }: Position): Page {
  let room = before
  let bytes = 0
  const updates = events.map((event) => {
    room = apply(room, event)
    bytes += UPDATE_BYTES + 2 * ROW_BYTES * (event.data.participants?.length ?? 0) + room.participants.length / 4
    return updateOf(event, room)
  })
  if (!room) throw new TypeError('the log of a room is empty')
  return { updates, bytes, end: { index: index + 1, room, rows } }
}

/** Counts one page less; returns the bytes that are no longer retained. */
function release(rows: SharedRows): number {
  rows.pages -= 1
  if (rows.pages > 0) return 0
  const { bytes } = rows
  rows.bytes = 0
  return bytes
}
