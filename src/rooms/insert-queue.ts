import { BatchQueue } from '../core/batch-queue.ts'
import { noObserver, type Observer } from '../core/observer.ts'
import { causesOf } from './model.ts'
import { type Insertion, type NewRoom, type RoomWrites, rowsOf } from './writes.ts'

/** Statements in flight at the same time; further rooms wait and share a statement. */
const CONCURRENCY = 2
/** Largest numbers of rooms, and of rows in their events, in one statement. A single room may have more. */
const BATCH = { rooms: 64, rows: 1000 } as const

/**
 * Inserts new rooms; those that have to wait share one statement. A statement sees none of its own rooms, therefore no user
 * is in two of its calls.
 */
export class InsertQueue {
  readonly #writes: Pick<RoomWrites, 'insert'>
  readonly #observer: Observer
  readonly #shared: BatchQueue<NewRoom, Insertion | 'locked'>

  constructor(writes: Pick<RoomWrites, 'insert'>, observer: Observer = noObserver) {
    this.#writes = writes
    this.#observer = observer
    this.#shared = new BatchQueue({
      concurrency: CONCURRENCY,
      batchMax: BATCH.rooms,
      fits: fitsBeside,
      run: async (rooms) => {
        const insertions = await this.#write(rooms, { wait: rooms.length === 1 })
        return ({ accepted }) => insertionOf(insertions, accepted.room.id)
      },
    })
  }

  /** @throws Unavailable when the database cannot be used; the room may or may not have been inserted */
  async insert(room: NewRoom): Promise<Insertion> {
    const insertion = await this.#shared.add(room)
    if (insertion !== 'locked') return insertion
    const insertions = await this.#write([room], { wait: true })
    const alone = insertionOf(insertions, room.accepted.room.id)
    if (alone === 'locked') throw new TypeError('a statement that waits for locks reported one')
    return alone
  }

  async #write(
    rooms: readonly NewRoom[],
    options: { readonly wait: boolean },
  ): Promise<ReadonlyMap<string, Insertion | 'locked'>> {
    const startedAt = performance.now()
    let insertions: ReadonlyMap<string, Insertion | 'locked'> | undefined
    try {
      insertions = await this.#writes.insert(rooms, options)
      return insertions
    } finally {
      const accepted = rooms.map((room) => room.accepted)
      this.#observer.commit?.({
        kind: 'insert',
        commits: rooms.length,
        landed: insertions && [...insertions.values()].filter((one) => one !== 'locked' && one.landed).length,
        rows: accepted.reduce((sum, { events }) => sum + rowsOf({ events }), 0),
        causes: causesOf(accepted.flatMap(({ events }) => events)),
        duration: performance.now() - startedAt,
      })
    }
  }
}

function fitsBeside(first: NewRoom): (room: NewRoom) => boolean {
  let rows = rowsOf(first.accepted)
  const users = new Set(usersOf(first))
  return (room) => {
    const others = usersOf(room)
    if (others.some((userId) => users.has(userId)) || rows + rowsOf(room.accepted) > BATCH.rows) return false
    rows += rowsOf(room.accepted)
    for (const userId of others) users.add(userId)
    return true
  }
}

/** The users of a call. None for a group, which no other room stands in the way of. */
function usersOf({ accepted: { room } }: NewRoom): readonly string[] {
  return room.calleeId === null ? [] : [room.callerId, room.calleeId]
}

function insertionOf(insertions: ReadonlyMap<string, Insertion | 'locked'>, roomId: string): Insertion | 'locked' {
  return insertions.get(roomId) ?? { landed: false, reverseCall: null, earlier: null, busy: false }
}
