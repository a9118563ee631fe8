import { acceptedUntil, type Actor } from '../core/actor.ts'

/** Maximum milliseconds for which a verified token is accepted without verifying it again. */
export const CACHE_TTL = 60_000

/** Limits of the cache. Tokens are ASCII, so their length is their size in bytes. */
const TOKENS_MAX = 20_000
const BYTES_MAX = 16 * 1024 * 1024

interface Entry {
  readonly actor: Actor
  /** Time of verification in milliseconds since the epoch. */
  readonly verifiedAt: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/**
 * A cache of recently verified tokens, which saves a verification per request. An entry never outlives its token, and
 * refused tokens are not cached. The oldest entries are evicted first.
 */
export class VerifiedTokens {
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  #version: number | undefined

  /** Number of cached tokens. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * The actor of a cached token.
   *
   * @param version - version of the keys; a new version clears the cache
   */
  get(token: string, { now, version }: { readonly now: Date; readonly version: number }): Actor | undefined {
    if (version !== this.#version) this.#clear(version)
    const entry = this.#entries.get(token)
    if (!entry) return undefined
    const time = now.getTime()
    // Verify again if the clock was set back: it may now be before the token's `nbf` or `iat`.
    if (time >= entry.verifiedAt && time < entry.expiresAt) return entry.actor
    this.#delete(token)
    return undefined
  }

  /** @param version - version of the keys, unchanged during the verification */
  put(token: string, actor: Actor, { now, version }: { readonly now: Date; readonly version: number }): void {
    if (version !== this.#version) this.#clear(version)
    if (this.#entries.has(token)) this.#delete(token)
    const verifiedAt = now.getTime()
    const expiresAt = Math.min(verifiedAt + CACHE_TTL, acceptedUntil(actor)?.getTime() ?? Number.POSITIVE_INFINITY)
    this.#entries.set(token, { actor, verifiedAt, expiresAt })
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
