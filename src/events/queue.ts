import { RtcError } from '../core/errors.ts'
import type { Facts, Observer } from '../core/observer.ts'

/** A slow consumer: its pending messages exceeded a bound. The client may resume with its cursor. */
export class ConsumerTooSlow extends RtcError {
  constructor(message: string, retryAfter = 1) {
    super('RATE_LIMITED', message, { retryAfter })
  }
}

/** Reports the error if it disconnects a slow consumer. */
export function reportSlowConsumer(observer: Observer, error: unknown, consumer: Facts['slowConsumer']): void {
  if (error instanceof ConsumerTooSlow) observer.slowConsumer?.(consumer)
}

/** A bounded queue with one consumer. `push` never throws. */
export class BoundedQueue<T> {
  readonly #limit: number
  readonly #onOverflow: (() => void) | undefined
  readonly #items: T[] = []
  #waiting: PromiseWithResolvers<T | undefined> | undefined
  #closed = false
  #failure: Error | undefined

  /** @param onOverflow - called immediately, because a stalled consumer does not call `next` and so misses the failure */
  constructor(limit: number, onOverflow?: () => void) {
    this.#limit = limit
    this.#onOverflow = onOverflow
  }

  /** Adds an item. Beyond the limit all items are dropped and `next` fails with {@link ConsumerTooSlow}. */
  push(item: T): void {
    if (this.#closed) return
    if (this.#waiting) this.#wake(item)
    else if (this.#items.length < this.#limit) this.#items.push(item)
    else {
      this.fail(tooFarBehind(this.#limit))
      this.#onOverflow?.()
    }
  }

  fail(failure: Error): void {
    this.#failure = failure
    this.close()
  }

  /** Accepts no more items; `next` returns the queued ones, then undefined. */
  end(): void {
    this.#closed = true
    if (this.#waiting) this.#wake(undefined)
  }

  /** Drops the queued items; `next` returns undefined, or throws the failure. */
  close(): void {
    this.#closed = true
    this.#items.length = 0
    if (this.#waiting) this.#wake(undefined)
  }

  /** Waits for the next item; undefined once closed. */
  async next(): Promise<T | undefined> {
    const item = this.#items.shift() ?? (this.#closed ? undefined : await this.#arrival())
    if (item === undefined && this.#failure) throw this.#failure
    return item
  }

  #arrival(): Promise<T | undefined> {
    this.#waiting = withResolvers<T | undefined>()
    return this.#waiting.promise
  }

  #wake(item: T | undefined): void {
    this.#waiting?.resolve(item)
    this.#waiting = undefined
  }
}

/** A {@link BoundedQueue} with at most one item per key: a newer item replaces the queued one. */
export class LatestQueue<T> {
  readonly #limit: number
  readonly #onOverflow: () => void
  readonly #items = new Map<string, T>()
  #waiting: PromiseWithResolvers<void> | undefined
  #closed = false
  #failure: Error | undefined

  /** @param onOverflow - as for {@link BoundedQueue} */
  constructor(limit: number, onOverflow: () => void) {
    this.#limit = limit
    this.#onOverflow = onOverflow
  }

  get(key: string): T | undefined {
    return this.#items.get(key)
  }

  /** Adds or replaces an item. Beyond the limit all items are dropped and `next` fails with {@link ConsumerTooSlow}. */
  put(key: string, item: T): void {
    if (this.#closed) return
    this.#items.set(key, item)
    if (this.#items.size > this.#limit) {
      this.#failure = tooFarBehind(this.#limit)
      this.close()
      this.#onOverflow()
    } else this.#wake()
  }

  /** Removes the queued item of a key. */
  drop(key: string): void {
    this.#items.delete(key)
  }

  /** Drops the queued items; `next` returns undefined, or throws the failure. */
  close(): void {
    this.#closed = true
    this.#items.clear()
    this.#wake()
  }

  /** Waits for the item whose key was added first; undefined once closed. */
  async next(): Promise<T | undefined> {
    while (this.#items.size === 0 && !this.#closed) {
      this.#waiting = withResolvers<void>()
      await this.#waiting.promise
    }
    if (this.#failure) throw this.#failure
    for (const [key, item] of this.#items) {
      this.#items.delete(key)
      return item
    }
    return undefined
  }

  #wake(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }
}

const tooFarBehind = (limit: number) =>
  new ConsumerTooSlow(
    `The subscriber is more than ${limit} messages behind; subscribe again, with the cursor if there is one.`,
  )

/**
 * Wraps a generator in an iterator whose `return` releases resources immediately, even while the generator is awaiting.
 * `release` is called at the end, on failure and on `return`, possibly several times.
 */
export function releasing<T>(
  generator: AsyncGenerator<T, undefined>,
  { release }: { release: () => void },
): AsyncIterableIterator<T> {
  const iterator: AsyncIterableIterator<T> = {
    async next() {
      try {
        const result = await generator.next()
        if (result.done) release()
        return result
      } catch (error) {
        release()
        throw error
      }
    },
    async return() {
      release()
      return generator.return(undefined)
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
