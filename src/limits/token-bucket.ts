import type { Clock } from '../core/clock.ts'

/** A rate: on average `refill` tokens a second, and up to `capacity` at once. */
export interface Rate {
  readonly capacity: number
  /** Tokens a second; more than 0. */
  readonly refill: number
}

interface Bucket {
  /** Negative while a debt is paid off. */
  tokens: number
  /** Milliseconds since the epoch at which `tokens` was right. */
  at: number
}

/**
 * One token bucket per key. Keys that no peer has used for a while cost nothing: a full bucket equals no bucket, and at
 * most `maxKeys` buckets are kept. When a new key exceeds that number, the least recently used bucket is dropped.
 */
export class TokenBuckets {
  readonly #rate: Rate
  readonly #clock: Clock
  readonly #maxKeys: number
  /** In order of use, least recent first. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param options.maxKeys - buckets kept at most. @default 100_000 */
  constructor(rate: Rate, { clock, maxKeys = 100_000 }: { clock: Clock; maxKeys?: number }) {
    this.#rate = rate
    this.#clock = clock
    this.#maxKeys = maxKeys
  }

  /** Buckets that are not full. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * Takes `cost` tokens from the key's bucket if it holds that many. A cost above the capacity is granted when the
   * bucket is full; the key then waits until the difference is refilled.
   *
   * @returns 0 when granted; otherwise the whole seconds to wait, at least 1, and nothing is taken
   */
  take(key: string, cost = 1): number {
    const bucket = this.#bucket(key)
    const needed = Math.min(cost, this.#rate.capacity)
    if (bucket.tokens < needed) return Math.max(1, Math.ceil((needed - bucket.tokens) / this.#rate.refill))
    bucket.tokens -= cost
    return 0
  }

  /** Takes `cost` tokens unconditionally: for what another node has granted already. */
  spend(key: string, cost: number): void {
    const bucket = this.#bucket(key)
    // A debt is bounded: no key waits longer than one whole refill.
    bucket.tokens = Math.max(bucket.tokens - cost, -this.#rate.capacity)
  }

  /** The key's bucket as of now, moved to the end of the order of use. */
  #bucket(key: string): Bucket {
    const now = this.#clock.now().getTime()
    const known = this.#buckets.get(key)
    this.#buckets.delete(key)
    const bucket = known ?? { tokens: this.#rate.capacity, at: now }
    const elapsed = Math.max(0, now - bucket.at) / 1000
    bucket.tokens = Math.min(this.#rate.capacity, bucket.tokens + elapsed * this.#rate.refill)
    bucket.at = now
    this.#drop(now)
    this.#buckets.set(key, bucket)
    return bucket
  }

  /** Makes room for one more: drops the least recently used while there are too many, and up to two that are full. */
  #drop(now: number): void {
    let looked = 0
    for (const [key, { tokens, at }] of this.#buckets) {
      const full = tokens + ((now - at) / 1000) * this.#rate.refill >= this.#rate.capacity
      if (this.#buckets.size < this.#maxKeys && (!full || looked === 2)) return
      this.#buckets.delete(key)
      looked += 1
    }
  }
}
