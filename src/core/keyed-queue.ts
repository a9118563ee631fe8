/**
 * Runs the tasks of each key sequentially, in the order of the calls; different keys run concurrently. Avoids races
 * between tasks of this process that write the same rows.
 */
export class KeyedQueue {
  /** The last task of each key; the next one runs after it. */
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(task, task)
    this.#tails.set(key, result)
    try {
      return await result
    } finally {
      if (this.#tails.get(key) === result) this.#tails.delete(key)
    }
  }
}
