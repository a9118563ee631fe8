import { Unavailable } from '../core/failures.ts'
import { noObserver, type Observer } from '../core/observer.ts'
import { causesOf } from './model.ts'
import { type Commit, type RoomWrites, rowsOf } from './writes.ts'

/** Statements in flight at the same time; further commits wait and share a statement. */
const CONCURRENCY = 2
/** Largest numbers of commits, and of rows in their events, in one statement. A single commit may be larger. */
const BATCH = { commits: 64, rows: 1000 } as const

interface PendingCommit {
  readonly commit: Commit
  resolve(landed: boolean): void
  reject(error: unknown): void
}

/**
 * Writes a commit at once while fewer than `CONCURRENCY` statements are in flight; commits that have to wait share one
 * statement. Waiting commits belong to different rooms, since a room's next commit is decided after the previous landed.
 */
export class CommitQueue {
  readonly #writes: Pick<RoomWrites, 'commit'>
  readonly #observer: Observer
  readonly #pending: PendingCommit[] = []
  #inFlight = 0

  constructor(writes: Pick<RoomWrites, 'commit'>, observer: Observer = noObserver) {
    this.#writes = writes
    this.#observer = observer
  }

  /**
   * @param options.alone - true: write the commit at once in its own statement, which waits for the lock of the room's
   *   row; false: a room whose row is locked by another writer may count as a conflict
   * @returns false on a conflict: the room's `seq` is greater than the expected one
   * @throws Unavailable when the database cannot be used; the commit may or may not have landed
   */
  async commit(commit: Commit, { alone }: { readonly alone: boolean }): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const pending = { commit, resolve, reject }
      if (alone) {
        void this.#writeOne(pending)
        return
      }
      this.#pending.push(pending)
      this.#next()
    })
  }

  #next(): void {
    if (this.#inFlight >= CONCURRENCY || this.#pending.length === 0) return
    this.#inFlight += 1
    void this.#writeAll(this.#take()).finally(() => {
      this.#inFlight -= 1
      this.#next()
    })
  }

  #take(): PendingCommit[] {
    let rows = 0
    let count = 0
    for (const { commit } of this.#pending) {
      rows += rowsOf(commit)
      if (count > 0 && (count === BATCH.commits || rows > BATCH.rows)) break
      count += 1
    }
    return this.#pending.splice(0, count)
  }

  async #writeAll(batch: readonly PendingCommit[]): Promise<void> {
    const [first, ...others] = batch
    if (!first) return
    if (others.length === 0) return this.#writeOne(first)
    try {
      const landed = await this.#write(
        batch.map(({ commit }) => commit),
        { wait: false },
      )
      for (const { commit, resolve } of batch) resolve(landed.has(commit.room.id))
    } catch (error) {
      if (error instanceof Unavailable) for (const { reject } of batch) reject(error)
      // The statement was rolled back because of one commit. Write each by itself, so that only that one fails.
      else for (const pending of batch) await this.#writeOne(pending)
    }
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

  async #writeOne({ commit, resolve, reject }: PendingCommit): Promise<void> {
    await this.#write([commit], { wait: true }).then((landed) => resolve(landed.has(commit.room.id)), reject)
  }
}
