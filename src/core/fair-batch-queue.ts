import { RtcError } from './errors.ts'

/** Maximum number of queued inputs per key: of one user, and in total. */
export interface QueueBounds {
  readonly perUser: number
  readonly total: number
}

/** A queued input and the promise of its output. */
export interface Pending<Input, Output> {
  readonly input: Input
  resolve(output: Output): void
  reject(error: unknown): void
}

/** The inputs queued for one key, by user in round-robin order: the first user is served next, then moves to the end. */
interface KeyQueue<Input, Output> {
  readonly byUser: Map<string, Pending<Input, Output>[]>
  size: number
}

/** Stands for the user of the gateway's own work, such as deadlines. Not a valid user id. */
const GATEWAY = ''

/**
 * Processes the inputs of each key in sequential batches; inputs added during a batch form the next one. Keys are
 * independent of each other. Users of a key are served round robin, so a user with many inputs delays another user by at
 * most one input per round. Queues are bounded.
 */
export class FairBatchQueue<Input, Output> {
  readonly #bounds: QueueBounds
  readonly #batchMax: number
  readonly #process: (key: string, batch: readonly Pending<Input, Output>[]) => Promise<void>
  readonly #queues = new Map<string, KeyQueue<Input, Output>>()

  /** @param options.process - must settle every input of the batch and must not reject */
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
   * @param userId - the requesting user; null for the gateway's own work, which is never refused
   * @throws RtcError RATE_LIMITED if the queue of the user or of the key is full
   */
  async add(key: string, userId: string | null, input: Input): Promise<Output> {
    const known = this.#queues.get(key)
    const queue = known ?? { byUser: new Map<string, Pending<Input, Output>[]>(), size: 0 }
    const owner = userId ?? GATEWAY
    const inputs = queue.byUser.get(owner) ?? []
    if (userId !== null && (inputs.length >= this.#bounds.perUser || queue.size >= this.#bounds.total)) {
      throw new RtcError('RATE_LIMITED', 'Too many requests are queued.', { retryAfter: 1 })
    }
    const output = new Promise<Output>((resolve, reject) => void inputs.push({ input, resolve, reject }))
    queue.byUser.set(owner, inputs)
    queue.size += 1
    if (!known) {
      this.#queues.set(key, queue)
      void this.#drain(key, queue)
    }
    return output
  }

  /** Processes batches until the queue of the key is empty. */
  async #drain(key: string, queue: KeyQueue<Input, Output>): Promise<void> {
    while (queue.size > 0) await this.#process(key, this.#takeBatch(queue))
    this.#queues.delete(key)
  }

  /** Removes the next batch from the queue, round robin over its users. */
  #takeBatch(queue: KeyQueue<Input, Output>): Pending<Input, Output>[] {
    const batch: Pending<Input, Output>[] = []
    for (const [owner, inputs] of queue.byUser) {
      const pending = inputs.shift()
      if (pending) batch.push(pending)
      queue.byUser.delete(owner)
      // Re-inserting moves the user to the end; the iteration visits entries that are added during it.
      if (inputs.length > 0) queue.byUser.set(owner, inputs)
      queue.size -= 1
      if (batch.length === this.#batchMax) break
    }
    return batch
  }
}
