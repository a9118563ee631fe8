import { Unavailable } from '../core/failures.ts'
import type { Commit, RoomWrites } from './writes.ts'

/** Statements under way at a time, before commits begin to wait and share one. */
const CONCURRENCY = 2
/** Of one statement: commits, and the events in them. */
const BATCH = { commits: 64, events: 1000 } as const

interface PendingCommit {
  readonly commit: Commit
  resolve(landed: boolean): void
  reject(error: unknown): void
}

/**
 * Writes commits at once while the database has time for them; those that have to wait share one statement. Commits that
 * wait are of different rooms: a room's next commit is decided when the one before has landed.
 */
export class CommitQueue {
  readonly #write: RoomWrites['commit']
  readonly #pending: PendingCommit[] = []
  #inFlight = 0

  constructor(write: RoomWrites['commit']) {
    this.#write = write
  }

  /**
   * @param options.alone - whether the commit has a statement of its own, at once, which waits while somebody else writes
   *   the room; otherwise it may count as a conflict that somebody else writes the room at this moment
   * @returns false on a conflict: the room has gone beyond the expected `seq`
   * @throws Unavailable when the database cannot be used: whether the commit has landed is not known
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
    let events = 0
    let count = 0
    for (const { commit } of this.#pending) {
      events += commit.events.length
      if (count > 0 && (count === BATCH.commits || events > BATCH.events)) break
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
      // The statement was rolled back. One of the commits cannot be written: the others must not fail with it.
      else for (const pending of batch) await this.#writeOne(pending)
    }
  }

  async #writeOne({ commit, resolve, reject }: PendingCommit): Promise<void> {
    await this.#write([commit], { wait: true }).then((landed) => resolve(landed.has(commit.room.id)), reject)
  }
}
