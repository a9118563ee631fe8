import { RtcError } from '../core/errors.ts'

export interface RequestLimits {
  /** Requests in work in all. */
  readonly max: number
  readonly maxPerAddress: number
}

/** Counts the requests in work. A request whose body is still on its way is none: its connection is bounded instead. */
export class InFlight {
  readonly #limits: RequestLimits
  #count = 0
  readonly #byAddress = new Map<string, number>()

  constructor(limits: RequestLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#count
  }

  /**
   * @returns ends the count; may be called again
   * @throws RtcError RATE_LIMITED for the address, UNAVAILABLE for all
   */
  enter(address: string): () => void {
    const own = this.#byAddress.get(address) ?? 0
    const { max, maxPerAddress } = this.#limits
    if (own >= maxPerAddress) {
      throw new RtcError('RATE_LIMITED', `An address may have ${maxPerAddress} requests in work.`, { retryAfter: 1 })
    }
    if (this.#count >= max) throw new RtcError('UNAVAILABLE', 'The gateway has too much to do.', { retryAfter: 1 })
    this.#count += 1
    this.#byAddress.set(address, own + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      this.#leave(address)
    }
  }

  #leave(address: string): void {
    this.#count -= 1
    const own = (this.#byAddress.get(address) ?? 0) - 1
    if (own > 0) this.#byAddress.set(address, own)
    else this.#byAddress.delete(address)
  }
}
