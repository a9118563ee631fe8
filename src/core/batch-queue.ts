import { Unavailable } from './failures.ts'

export interface BatchQueueOptions<Input, Output> {
  /** Batches that run at the same time. */
  readonly concurrency: number
  /**
   * Called for each batch; returns the condition for taking an input into it, which is called with each waiting input
   * after the first, in order. @default all
   */
  readonly fits?: (first: Input) => (input: Input) => boolean
  readonly batchMax: number
  /**
   * Runs a batch; returns the output of each of its inputs. When a batch of several fails, except as `Unavailable`, each
   * of its inputs runs by itself, so that only the one fails that cannot be processed.
   */
  run(inputs: readonly Input[]): Promise<(input: Input) => Output>
}

interface Pending<Input, Output> {
  readonly input: Input
  resolve(output: Output): void
  reject(error: unknown): void
}

/**
 * Runs inputs in batches: those of one iteration of the event loop share a batch, and those that arrive while
 * `concurrency` batches are running wait and share the next one.
 */
export class BatchQueue<Input, Output> {
  readonly #options: BatchQueueOptions<Input, Output>
  #waiting: Pending<Input, Output>[] = []
  #running = 0
  #scheduled = false

  constructor(options: BatchQueueOptions<Input, Output>) {
    this.#options = options
  }

  add(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject })
      this.#schedule()
    })
  }

  /** Runs the next batch after the callbacks of this iteration, which may add more inputs. */
  #schedule(): void {
    if (this.#scheduled || this.#running >= this.#options.concurrency || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#running += 1
      void this.#run(this.#take()).finally(() => {
        this.#running -= 1
        this.#schedule()
      })
      this.#schedule()
    })
  }

  #take(): readonly Pending<Input, Output>[] {
    const { fits, batchMax } = this.#options
    const [first, ...others] = this.#waiting
    if (!first) return []
    const batch = [first]
    const rest: Pending<Input, Output>[] = []
    const isFitting = fits?.(first.input)
    for (const pending of others) {
      const isTaken = batch.length < batchMax && (isFitting?.(pending.input) ?? true)
      ;(isTaken ? batch : rest).push(pending)
    }
    this.#waiting = rest
    return batch
  }

  async #run(batch: readonly Pending<Input, Output>[]): Promise<void> {
    try {
      const outputOf = await this.#options.run(batch.map(({ input }) => input))
      for (const { input, resolve } of batch) resolve(outputOf(input))
    } catch (error) {
      if (batch.length === 1 || error instanceof Unavailable) for (const { reject } of batch) reject(error)
      else for (const pending of batch) await this.#run([pending])
    }
  }
}
