import { RtcError } from '../core/errors.ts'

/** Limits in bytes. */
export interface BodyLimits {
  readonly max: number
  readonly maxPerAddress: number
}

/** Limits the bytes of incomplete request bodies, which a slow client could otherwise keep in memory indefinitely. */
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

  /** Opens the account of one body. */
  open(address: string): { take(bytes: number): void; close(): void } {
    let taken = 0
    return {
      /** @throws RtcError RATE_LIMITED over the address limit, UNAVAILABLE over the total limit */
      take: (bytes) => {
        const { max, maxPerAddress } = this.#limits
        if (this.#of(address) + bytes > maxPerAddress) {
          throw new RtcError('RATE_LIMITED', 'This address is sending too many request bodies at once.', {
            retryAfter: 1,
          })
        }
        if (this.#bytes + bytes > max) {
          throw new RtcError('UNAVAILABLE', 'The gateway is receiving too many request bodies at once.', {
            retryAfter: 1,
          })
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
