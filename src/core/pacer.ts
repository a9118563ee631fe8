/**
 * Gives out turns of the event loop, one each time it goes round, so that work in many steps never holds it up for longer
 * than a step. Keys alternate: nobody waits for all the steps of another.
 */
export class Pacer {
  /** Who waits, by key; the key at the front is next. */
  readonly #waiting = new Map<unknown, (() => void)[]>()

  /** Resolves when it is the key's turn. */
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
