import { acceptedUntil, type Actor } from '../core/actor.ts'

/** Longest time in milliseconds for which a verified token is taken without a look at its signature. */
export const KEPT_FOR = 60_000

/** Bounds of what is kept; a token is ASCII, so that its length is its size in bytes. */
const TOKENS_MAX = 20_000
const BYTES_MAX = 16 * 1024 * 1024

interface Entry {
  readonly actor: Actor
  /** Milliseconds since the epoch: when it was verified, and when it has to be verified again. */
  readonly from: number
  readonly until: number
}

/**
 * Tokens whose signature and claims were verified a short while ago, so that each request of a client does not cost a
 * verification. A token is never kept beyond its expiry, and a refused one is never kept. The oldest go first.
 */
export class VerifiedTokens {
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  #version: number | undefined

  /** How many tokens are kept. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * The actor of a token that was verified with these keys.
   *
   * @param version - of the keys; tokens that were verified with other ones are forgotten
   */
  get(token: string, { now, version }: { readonly now: Date; readonly version: number }): Actor | undefined {
    if (version !== this.#version) this.#clear(version)
    const entry = this.#entries.get(token)
    if (!entry) return undefined
    const time = now.getTime()
    // A clock that was set back may have come before the token's `nbf` and `iat`.
    if (time >= entry.from && time < entry.until) return entry.actor
    this.#delete(token)
    return undefined
  }

  /** @param version - of the keys that were there both before and after the verification */
  put(token: string, actor: Actor, { now, version }: { readonly now: Date; readonly version: number }): void {
    if (version !== this.#version) this.#clear(version)
    if (this.#entries.has(token)) this.#delete(token)
    const from = now.getTime()
    const until = Math.min(from + KEPT_FOR, acceptedUntil(actor)?.getTime() ?? Number.POSITIVE_INFINITY)
    this.#entries.set(token, { actor, from, until })
    this.#bytes += token.length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= TOKENS_MAX && this.#bytes <= BYTES_MAX) return
      this.#delete(oldest)
    }
  }

  #delete(token: string): void {
    if (this.#entries.delete(token)) this.#bytes -= token.length
  }

  #clear(version: number): void {
    this.#entries.clear()
    this.#bytes = 0
    this.#version = version
  }
}
