import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import type { ConnectedUserStore } from './connected-user-store.ts'

interface Dependencies {
  readonly nodeId: string
  readonly store: Pick<ConnectedUserStore, 'write'>
  readonly log: Logger
}

/** Minimum milliseconds between the end of a write and the next one. */
const INTERVAL = 50
/** Users per write. */
const BATCH = 1_000

/**
 * The users with a live stream of incoming calls at this node. Writes them for the other nodes, in batches: 10 000 users
 * who connect at once cost about ten statements. Nothing waits for a write; until then, a call made at another node says
 * NONE, and then CONNECTED when its ring arrives here.
 */
export class ConnectedUsers {
  readonly #dependencies: Dependencies
  readonly #connected = new Set<string>()
  /** The users whose rows may exist; true if they do for certain. */
  readonly #rows = new Map<string, boolean>()
  /** The users whose rows have to be compared with `#connected`. */
  readonly #changed = new Set<string>()
  /** Set from the scheduling of a write to its end. */
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #stopped = false

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Adds a user whose first stream opens. Returns a function that removes the user; call it once, after the last stream. */
  add(userId: string): () => void {
    this.#connected.add(userId)
    this.#change([userId])
    return () => {
      this.#connected.delete(userId)
      this.#change([userId])
    }
  }

  /** Writes all users again, for use after other nodes may have considered this one dead and deleted them. */
  writeAll(): void {
    for (const userId of this.#rows.keys()) this.#rows.set(userId, false)
    this.#change(this.#connected)
  }

  /** Retries a write that failed. */
  retry(): void {
    this.#change([])
  }

  /** Resolves when no write is in flight; none will follow. The rows are deleted with the node. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#writing
  }

  #change(userIds: Iterable<string>): void {
    for (const userId of userIds) this.#changed.add(userId)
    if (!this.#timer) this.#schedule(0)
  }

  #schedule(delay: number): void {
    if (this.#stopped || this.#changed.size === 0) return
    this.#timer = setTimeout(() => {
      this.#writing = this.#writeBatch()
    }, delay)
    this.#timer.unref()
  }

  /** Never rejects. */
  async #writeBatch(): Promise<void> {
    const { nodeId, store, log } = this.#dependencies
    const batch = [...this.#changed].slice(0, BATCH)
    for (const userId of batch) this.#changed.delete(userId)
    const added = batch.filter((userId) => this.#connected.has(userId) && this.#rows.get(userId) !== true)
    const removed = batch.filter((userId) => !this.#connected.has(userId) && this.#rows.has(userId))
    // Until the write has succeeded, it may or may not have taken effect.
    for (const userId of [...added, ...removed]) this.#rows.set(userId, false)
    try {
      if (added.length + removed.length > 0) await store.write(nodeId, { added, removed })
      for (const userId of added) this.#rows.set(userId, true)
      for (const userId of removed) this.#rows.delete(userId)
      this.#timer = undefined
      this.#schedule(INTERVAL)
    } catch (error) {
      log[levelOf(error)]({ err: error }, 'could not write the connected users; will retry')
      for (const userId of batch) this.#changed.add(userId)
      this.#timer = undefined
    }
  }
}
