import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import { statement, type Statements } from '../db/statement.ts'
import type { Room, RoomEvent } from './model.ts'
import { type JsonRow, toRoom } from './rows.ts'

/** Events between two snapshots of a room with at most as many participants. */
const INTERVAL = 256
/** Rooms whose snapshot waits to be written; further ones get theirs at their next interval. */
const PENDING_MAX = 1000

const WRITE = statement(`
INSERT INTO "RoomSnapshot" ("roomId", "seq", "fields", "participants")
SELECT room."id", room."seq", to_jsonb(room),
       (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p."ordinal"), '[]')
          FROM "Participant" p WHERE p."roomId" = room."id")
  FROM "Room" room WHERE room."id" = $1::uuid
ON CONFLICT DO NOTHING`)

const READ = statement(`
SELECT "fields", "participants" FROM "RoomSnapshot"
 WHERE "roomId" = $1::uuid AND "seq" <= $2 ORDER BY "seq" DESC LIMIT 1`)

/**
 * Snapshots of rooms, from which readers far behind fold the log instead of from its beginning. They are written after the
 * commit, by the database itself: a commit does not wait for its snapshot, and a lost one costs later readers some time.
 */
export class RoomSnapshots {
  readonly #statements: Statements
  readonly #log: Logger
  readonly #pending = new Set<string>()
  #writing: Promise<void> | undefined

  constructor({ statements, log }: { readonly statements: Statements; readonly log: Logger }) {
    this.#statements = statements
    this.#log = log
  }

  /** Called after these events were committed, with the room after them. Neither throws nor blocks. */
  committed(room: Room, events: readonly RoomEvent[]): void {
    const interval = intervalOf(room)
    const before = room.seq - events.length
    if (Math.floor(before / interval) === Math.floor(room.seq / interval)) return
    if (this.#pending.size < PENDING_MAX) this.#pending.add(room.id)
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  /** Writes a snapshot of the room as it is now. */
  async write(roomId: string): Promise<void> {
    await this.#statements.run(WRITE, [roomId])
  }

  /** The room as of its last snapshot at or before event number `seq`; null if there is none. */
  async lastUntil(roomId: string, seq: number): Promise<Room | null> {
    const [row] = await this.#statements.run<{ fields: JsonRow; participants: JsonRow[] }>(READ, [roomId, seq])
    return row ? toRoom(row.fields, row.participants) : null
  }

  /** Resolves when the snapshot that is being written is complete; later ones are not written. */
  async stop(): Promise<void> {
    this.#pending.clear()
    await this.#writing
  }

  /** One at a time, so that snapshots take at most one of the database connections. */
  async #writeAll(): Promise<void> {
    for (const roomId of this.#pending) {
      this.#pending.delete(roomId)
      try {
        await this.write(roomId)
      } catch (error) {
        this.#log[levelOf(error)]({ roomId, err: error }, 'could not write the snapshot of a room')
      }
    }
  }
}

/**
 * Events between two snapshots of a room: a power of two that is not less than the number of participants. So all
 * snapshots together have at most about as many rows as the log, and the interval changes rarely while a room grows.
 */
function intervalOf({ participants }: Room): number {
  let interval = INTERVAL
  while (interval < participants.length) interval *= 2
  return interval
}
