import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { type FailureCause, type Failures, Unavailable } from '../core/failures.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { Timeouts } from '../core/timeouts.ts'
import { fetchKeySet, KeySetFailure } from './key-set-fetch.ts'
import type { AuthConfig } from './variables.ts'

export interface KeySetOptions {
  readonly url: URL
  /** Seconds for which keys are used after the refresh is due but fails. */
  readonly maxStale: number
  readonly report: (cause: FailureCause, error: unknown) => void
  readonly timeouts: Timeouts
  readonly log: Logger
  readonly observer?: Observer
}

/** `stale`: the last fetch has failed, but the keys may still be used. */
export type KeySetState = 'ok' | 'stale' | FailureCause

/** Seconds after which clients retry when the issuer's keys could not be fetched. */
const RETRY_AFTER = 5
/** Age in milliseconds at which keys are fetched again. */
const REFRESH_AFTER = 300_000
/** Milliseconds between checks of that age. */
const CHECK_INTERVAL = 15_000
/** Maximum number of tokens with an unknown `kid` that wait for the next fetch. */
const WAITING_MAX = 100

/**
 * The issuer's published keys (JWK Set, https://www.rfc-editor.org/rfc/rfc7517#section-5). Refreshes them every five
 * minutes in the background. While the issuer cannot be reached, the keys remain in use for at most `maxStale` seconds.
 *
 * A token with an unknown `kid` waits for a fetch that begins after the token has arrived. All such tokens share one
 * fetch, and fetches begin at least `timeouts.keySetFetch` apart: forged key ids cannot delay a new key, or load the
 * issuer, beyond that rate.
 */
export class RemoteKeySet {
  readonly #options: KeySetOptions
  readonly #refreshing: PeriodicJob
  #keys: { readonly find: JWTVerifyGetKey; readonly fetchedAt: number; readonly text: string } | undefined
  #version = 0
  #failure: FailureCause | undefined
  /** The fetch in flight, or the one that begins after the minimum interval. */
  #next: Promise<void> | undefined
  #isInFlight = false
  #lastStartedAt = Number.NEGATIVE_INFINITY
  #waiting = 0

  constructor(options: KeySetOptions) {
    this.#options = options
    this.#refreshing = new PeriodicJob({ ...options, name: 'key set', interval: CHECK_INTERVAL }, () => this.#refresh())
  }

  /** Fetches the keys and keeps refreshing them. */
  start(): void {
    this.#refreshing.start()
  }

  async stop(): Promise<void> {
    await this.#refreshing.stop()
  }

  state(): KeySetState {
    if (this.#usable()) return this.#failure ? 'stale' : 'ok'
    return this.#failure ?? 'key_set_unreachable'
  }

  /** Changes whenever different keys were fetched; undefined while there are no usable keys. */
  version(): number | undefined {
    return this.#usable() && this.#version
  }

  /**
   * Finds the key of a token by its header.
   *
   * @throws Unavailable if there are no usable keys
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const arrivedAt = performance.now()
    if (!this.#usable()) await this.#fetch()
    const before = this.#usable()
    if (!before) throw this.#unavailable()
    try {
      return await before.find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#lastStartedAt > arrivedAt) throw error
    }
    await this.#fetchForUnknown()
    if (this.#failure) throw this.#unavailable()
    return await (this.#usable() ?? before).find(header, token)
  }

  #usable() {
    const { maxStale } = this.#options
    return this.#keys && Date.now() - this.#keys.fetchedAt <= REFRESH_AFTER + maxStale * 1000 ? this.#keys : undefined
  }

  async #refresh(): Promise<boolean> {
    if (!this.#keys || this.#failure || Date.now() - this.#keys.fetchedAt >= REFRESH_AFTER) await this.#fetch()
    return false
  }

  async #fetchForUnknown(): Promise<void> {
    if (this.#waiting >= WAITING_MAX) throw this.#unavailable()
    this.#waiting += 1
    try {
      // The response to a fetch in flight may be older than the key.
      if (this.#isInFlight) await this.#next
      await this.#fetch()
    } finally {
      this.#waiting -= 1
    }
  }

  /** Joins the next fetch; never throws. */
  #fetch(): Promise<void> {
    return (this.#next ??= this.#fetchAtInterval().finally(() => {
      this.#next = undefined
      this.#isInFlight = false
    }))
  }

  /** Waits until the minimum interval since the last fetch has passed, then fetches. */
  async #fetchAtInterval(): Promise<void> {
    const { url, timeouts } = this.#options
    const pause = this.#lastStartedAt + timeouts.keySetFetch - performance.now()
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
    this.#isInFlight = true
    this.#lastStartedAt = performance.now()
    try {
      const keySet = await fetchKeySet(url, timeouts.keySetAnswer)
      const text = JSON.stringify(keySet)
      if (text !== this.#keys?.text) this.#version += 1
      this.#keys = { find: createLocalJWKSet(keySet), fetchedAt: Date.now(), text }
      this.#failure = undefined
    } catch (error) {
      this.#failure = error instanceof KeySetFailure ? error.reason : 'key_set_invalid'
      this.#options.report(this.#failure, error)
    }
  }

  #unavailable(): Unavailable {
    return new Unavailable(this.#failure ?? 'key_set_unreachable', 'The keys for verifying tokens cannot be fetched', {
      retryAfter: RETRY_AFTER,
    })
  }
}

/** Creates the key set if JWKS_URL is configured. */
export function createKeySet(
  config: AuthConfig,
  { failures, timeouts, log, observer }: { failures: Failures; timeouts: Timeouts; log: Logger; observer: Observer },
): RemoteKeySet | undefined {
  if (config.jwksUrl === undefined) return undefined
  return new RemoteKeySet({
    url: new URL(config.jwksUrl),
    maxStale: config.jwksMaxStale,
    report: (cause, error) => failures.report(cause, error),
    timeouts,
    log,
    observer,
  })
}
