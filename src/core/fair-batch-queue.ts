import { RtcError } from './errors.ts'

/** Work of one user that may wait for one key, and of all users together. */
export interface QueueBounds {
  readonly perUser: number
  readonly total: number
}

/** One input that waits for its output. */
export interface Pending<Input, Output> {
  readonly input: Input
  resolve(output: Output): void
  reject(error: unknown): void
}

/** What waits for one key, by who asked; the first line is served next and then goes to the end. */
interface Waiting<Input, Output> {
  readonly lines: Map<string, Pending<Input, Output>[]>
  size: number
}

/** The line of work that nobody asked for, such as deadlines. No user has this id. */
const NOBODY = ''

/**
 * Processes the inputs of one key in batches, one batch after the other: what has come while one was processed makes up
 * the next. Keys do not wait for each other. Users take turns: whoever asks for much waits for themselves, and everybody
 * else at most for one input of each other user. What waits is bounded.
 */
export class FairBatchQueue<Input, Output> {
  readonly #bounds: QueueBounds
  readonly #batchMax: number
  readonly #process: (key: string, batch: readonly Pending<Input, Output>[]) => Promise<void>
  readonly #waiting = new Map<string, Waiting<Input, Output>>()

  /** @param options.process - settles every input of the batch; must not reject */
  constructor(options: {
    readonly bounds: QueueBounds
    readonly batchMax: number
    readonly process: (key: string, batch: readonly Pending<Input, Output>[]) => Promise<void>
  }) {
    this.#bounds = options.bounds
    this.#batchMax = options.batchMax
    this.#process = options.process
  }

  /**
   * @param userId - who asks; null for work that nobody asked for, which is never refused
   * @throws RtcError RATE_LIMITED when too much waits already
   */
  async add(key: string, userId: string | null, input: Input): Promise<Output> {
    const known = this.#waiting.get(key)
    const waiting = known ?? { lines: new Map<string, Pending<Input, Output>[]>(), size: 0 }
    const name = userId ?? NOBODY
    const line = waiting.lines.get(name) ?? []
    if (userId !== null && (line.length >= this.#bounds.perUser || waiting.size >= this.#bounds.total)) {
      throw new RtcError('RATE_LIMITED', 'Too many requests wait for their turn.', { retryAfter: 1 })
    }
    const output = new Promise<Output>((resolve, reject) => void line.push({ input, resolve, reject }))
    waiting.lines.set(name, line)
    waiting.size += 1
    if (!known) {
      this.#waiting.set(key, waiting)
      void this.#serve(key, waiting)
    }
    return output
  }

  /** Serves the lines round robin until nothing waits. */
  async #serve(key: string, waiting: Waiting<Input, Output>): Promise<void> {
    while (waiting.size > 0) await this.#process(key, this.#take(waiting))
    this.#waiting.delete(key)
  }

  #take(waiting: Waiting<Input, Output>): Pending<Input, Output>[] {
    const batch: Pending<Input, Output>[] = []
    for (const [name, line] of waiting.lines) {
      const pending = line.shift()
      if (pending) batch.push(pending)
      waiting.lines.delete(name)
      // A Map goes on to what is added while it is gone through.
      if (line.length > 0) waiting.lines.set(name, line)
      waiting.size -= 1
      if (batch.length === this.#batchMax) break
    }
    return batch
  }
}
