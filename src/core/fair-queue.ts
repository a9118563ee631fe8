import { FairBatchQueue, type QueueBounds } from './fair-batch-queue.ts'

/** Runs the tasks of each key sequentially, with the order and the bounds of {@link FairBatchQueue}. */
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
   * @param userId - the requesting user; null for the gateway's own work, which is never refused
   * @throws RtcError RATE_LIMITED if the queue of the user or of the key is full
   */
  async run<T>(key: string, userId: string | null, task: () => Promise<T>): Promise<T> {
    let output: { readonly value: T } | undefined
    await this.#queue.add(key, userId, async () => {
      output = { value: await task() }
    })
    if (!output) throw new TypeError('the task did not run')
    return output.value
  }
}
