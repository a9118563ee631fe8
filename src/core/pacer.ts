/**
 * Grants one turn per iteration of the event loop, so that work of many steps never blocks the loop for longer than one
 * step. Keys are served round robin, so that one key with many steps does not delay the others.
 */
export class Pacer {
  /** The waiting callers by key, in round-robin order: the first key is served next. */
  readonly #waiting = new Map<unknown, (() => void)[]>()

  /** Resolves at the key's next turn. */
  turn(key: unknown): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(key)
      if (queue) queue.push(resolve)
      else this.#waiting.set(key, [resolve])
      if (!queue && this.#waiting.size === 1) setImmediate(() => this.#next())
    })
  }

  #next(): void {
    const [first] = this.#waiting
    if (!first) return
    const [key, queue] = first
    this.#waiting.delete(key)
    const resolve = queue.shift()
    if (queue.length > 0) this.#waiting.set(key, queue)
    if (this.#waiting.size > 0) setImmediate(() => this.#next())
    resolve?.()
  }
}
