import type { Clock } from '../core/clock.ts'

/** A rate: on average `refill` tokens per second, with bursts of up to `capacity`. */
export interface Rate {
  readonly capacity: number
  /** Tokens per second; more than 0. */
  readonly refill: number
}

interface Bucket {
  /** Negative while the key is in debt. */
  tokens: number
  /** Milliseconds since the epoch at which `tokens` was last updated. */
  at: number
}

/**
 * One token bucket per key. Full buckets are evicted, since a missing bucket counts as full. At most `maxKeys` buckets are
 * kept; beyond that, the least recently used bucket is evicted.
 */
export class TokenBuckets {
  readonly #rate: Rate
  readonly #clock: Clock
  readonly #maxKeys: number
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param options.maxKeys - maximum number of buckets. @default 100_000 */
  constructor(rate: Rate, { clock, maxKeys = 100_000 }: { clock: Clock; maxKeys?: number }) {
    this.#rate = rate
    this.#clock = clock
    this.#maxKeys = maxKeys
  }

  /** Number of buckets in memory. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * Takes `cost` tokens from the key's bucket if it holds that many. A cost above the capacity is granted when the bucket is
   * full; the difference is a debt that has to be refilled first.
   *
   * @returns 0 if granted; otherwise no token is taken and the result is the number of seconds to wait, at least 1
   */
  take(key: string, cost = 1): number {
    const bucket = this.#bucket(key)
    const needed = Math.min(cost, this.#rate.capacity)
    if (bucket.tokens < needed) return Math.max(1, Math.ceil((needed - bucket.tokens) / this.#rate.refill))
    bucket.tokens -= cost
    return 0
  }

  /** Takes `cost` tokens unconditionally, for usage that has been granted already. */
  spend(key: string, cost: number): void {
    const bucket = this.#bucket(key)
    // Bounds the debt, so that a key waits at most for the refill of twice the capacity.
    bucket.tokens = Math.max(bucket.tokens - cost, -this.#rate.capacity)
  }

  /** The key's bucket, refilled up to now and marked as most recently used. */
  #bucket(key: string): Bucket {
    const now = this.#clock.now().getTime()
    const known = this.#buckets.get(key)
    this.#buckets.delete(key)
    const bucket = known ?? { tokens: this.#rate.capacity, at: now }
    const elapsed = Math.max(0, now - bucket.at) / 1000
    bucket.tokens = Math.min(this.#rate.capacity, bucket.tokens + elapsed * this.#rate.refill)
    bucket.at = now
    this.#evict(now)
    this.#buckets.set(key, bucket)
    return bucket
  }

  /** Evicts the least recently used buckets down to the maximum, and up to two full buckets below it. */
  #evict(now: number): void {
    let evicted = 0
    for (const [key, { tokens, at }] of this.#buckets) {
      const full = tokens + ((now - at) / 1000) * this.#rate.refill >= this.#rate.capacity
      if (this.#buckets.size < this.#maxKeys && (!full || evicted === 2)) return
      this.#buckets.delete(key)
      evicted += 1
    }
  }
}
