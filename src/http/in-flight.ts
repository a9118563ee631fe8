import { RtcError } from '../core/errors.ts'

export interface RequestLimits {
  /** Total requests in flight. */
  readonly max: number
  readonly maxPerAddress: number
}

/** Limits requests in flight. A request whose body is still being received does not count; its connection does. */
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
   * @returns a function that ends the count; calling it again has no effect
   * @throws RtcError RATE_LIMITED over the address limit, UNAVAILABLE over the total limit
   */
  enter(address: string): () => void {
    const own = this.#byAddress.get(address) ?? 0
    const { max, maxPerAddress } = this.#limits
    if (own >= maxPerAddress) {
      throw new RtcError('RATE_LIMITED', `An address may have ${maxPerAddress} requests in flight.`, { retryAfter: 1 })
    }
    if (this.#count >= max) throw new RtcError('UNAVAILABLE', 'The gateway is overloaded.', { retryAfter: 1 })
    this.#count += 1
    this.#byAddress.set(address, own + 1)
    let ended = false
    return () => {
      if (ended) return
      ended = true
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
