import { BatchQueue } from '../core/batch-queue.ts'
import { noObserver, type Observer } from '../core/observer.ts'
import { causesOf } from './model.ts'
import { type Commit, type RoomWrites, rowsOf } from './writes.ts'

/** Statements in flight at the same time; further commits wait and share a statement. */
const CONCURRENCY = 2
/** Largest numbers of commits, and of rows in their events, in one statement. A single commit may be larger. */
const BATCH = { commits: 64, rows: 1000 } as const

/**
 * Writes commits; those that have to wait share one statement. Waiting commits belong to different rooms, since a room's
 * next commit is decided after the previous landed.
 */
export class CommitQueue {
  readonly #writes: Pick<RoomWrites, 'commit'>
  readonly #observer: Observer
  readonly #shared: BatchQueue<Commit, boolean>

  constructor(writes: Pick<RoomWrites, 'commit'>, observer: Observer = noObserver) {
    this.#writes = writes
    this.#observer = observer
    this.#shared = new BatchQueue({
      concurrency: CONCURRENCY,
      batchMax: BATCH.commits,
      fits(first) {
        let rows = rowsOf(first)
        return (commit) => (rows += rowsOf(commit)) <= BATCH.rows
      },
      run: async (commits) => {
        const landed = await this.#write(commits, { wait: commits.length === 1 })
        return ({ room }) => landed.has(room.id)
      },
    })
  }

  /**
   * @param options.alone - true: write the commit at once in its own statement, which waits for the lock of the room's
   *   row; false: a room whose row is locked by another writer may count as a conflict
   * @returns false on a conflict: the room's `seq` is greater than the expected one
   * @throws Unavailable when the database cannot be used; the commit may or may not have landed
   */
  async commit(commit: Commit, { alone }: { readonly alone: boolean }): Promise<boolean> {
    if (!alone) return this.#shared.add(commit)
    const landed = await this.#write([commit], { wait: true })
    return landed.has(commit.room.id)
  }

  async #write(commits: readonly Commit[], options: { readonly wait: boolean }): Promise<ReadonlySet<string>> {
    const startedAt = performance.now()
    let landed: ReadonlySet<string> | undefined
    try {
      landed = await this.#writes.commit(commits, options)
      return landed
    } finally {
      this.#observer.commit?.({
        kind: 'update',
        commits: commits.length,
        landed: landed?.size,
        rows: commits.reduce((sum, commit) => sum + rowsOf(commit), 0),
        causes: causesOf(commits.flatMap(({ events }) => events)),
        duration: performance.now() - startedAt,
      })
    }
  }
}
