import { FairBatchQueue, type QueueBounds } from './fair-batch-queue.ts'

/** Runs the tasks of one key one after the other, in the order and within the bounds of {@link FairBatchQueue}. */
export class FairQueue {
  readonly #queue: FairBatchQueue<() => Promise<void>, void>

  constructor(bounds: QueueBounds) {
    this.#queue = new FairBatchQueue({
      bounds,
      batchMax: 1,
      async process(_key, batch) {
        for (const { input, resolve, reject } of batch) await input().then(resolve, reject)
      },
    })
  }

  /**
   * @param userId - who asks; null for work that nobody asked for, which is never refused
   * @throws RtcError RATE_LIMITED when too much waits already
   */
  async take<T>(key: string, userId: string | null, task: () => Promise<T>): Promise<T> {
    let output: { readonly value: T } | undefined
    await this.#queue.add(key, userId, async () => {
      output = { value: await task() }
    })
    if (!output) throw new TypeError('the task has not run')
    return output.value
  }
}
