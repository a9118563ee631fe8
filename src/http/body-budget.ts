import { RtcError } from '../core/errors.ts'

/** Bytes. */
export interface BodyLimits {
  readonly max: number
  readonly maxPerAddress: number
}

/** Bytes of bodies that have begun and not ended: half a body takes memory for as long as its sender likes to wait. */
export class BodyBudget {
  readonly #limits: BodyLimits
  #bytes = 0
  readonly #byAddress = new Map<string, number>()

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#bytes
  }

  /** Accounts for one body. */
  open(address: string): { take(bytes: number): void; close(): void } {
    let taken = 0
    return {
      /** @throws RtcError RATE_LIMITED for the address, UNAVAILABLE for all */
      take: (bytes) => {
        const { max, maxPerAddress } = this.#limits
        if (this.#of(address) + bytes > maxPerAddress) {
          throw new RtcError('RATE_LIMITED', 'This address sends too many bodies at a time.', { retryAfter: 1 })
        }
        if (this.#bytes + bytes > max) {
          throw new RtcError('UNAVAILABLE', 'The gateway receives too many bodies at a time.', { retryAfter: 1 })
        }
        taken += bytes
        this.#add(address, bytes)
      },
      close: () => {
        this.#add(address, -taken)
        taken = 0
      },
    }
  }

  #of(address: string): number {
    return this.#byAddress.get(address) ?? 0
  }

  #add(address: string, bytes: number): void {
    this.#bytes += bytes
    const own = this.#of(address) + bytes
    if (own > 0) this.#byAddress.set(address, own)
    else this.#byAddress.delete(address)
  }
}
