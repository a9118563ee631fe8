import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { type FailureCause, type Failures, Unavailable } from '../core/failures.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { Logger } from '../core/logger.ts'
import type { Timeouts } from '../core/timeouts.ts'
import { fetchKeySet, KeySetFailure } from './key-set-fetch.ts'
import type { AuthConfig } from './variables.ts'

export interface KeySetOptions {
  readonly url: URL
  /** Seconds for which keys are used that could not be fetched again. */
  readonly maxStale: number
  readonly report: (cause: FailureCause, error: unknown) => void
  readonly timeouts: Timeouts
  readonly log: Logger
}

/** `stale`: the keys are old and the issuer does not answer, but they may still be used. */
export type KeySetState = 'ok' | 'stale' | FailureCause

/** Seconds that clients wait after the issuer's keys could not be fetched. */
const RETRY_AFTER = 5
/** Age in milliseconds at which keys are fetched again. */
const REFRESH_AFTER = 300_000
/** Milliseconds between two looks at that age. */
const LOOK_INTERVAL = 15_000
/** Tokens with an unknown `kid` that may wait for the next fetch at a time. */
const WAITING_MAX = 100

/**
 * The issuer's published keys (JWK Set, https://www.rfc-editor.org/rfc/rfc7517#section-5). They are fetched again every
 * five minutes in the background, and go on to be used while the issuer is away, for at most `maxStale` seconds.
 *
 * A token with an unknown `kid` waits for a fetch that begins after it has come. All such tokens share that fetch, and
 * fetches keep a distance of two seconds: invented names delay a new key by no more than that, and cost the issuer no more.
 */
export class RemoteKeySet {
  readonly #options: KeySetOptions
  readonly #refreshing: PeriodicJob
  #keys: { readonly find: JWTVerifyGetKey; readonly fetchedAt: number; readonly text: string } | undefined
  #version = 0
  #failure: FailureCause | undefined
  /** The fetch that is under way or that will begin when the distance is kept. */
  #next: Promise<void> | undefined
  #hasBegun = false
  #lastBegan = Number.NEGATIVE_INFINITY
  #waiting = 0

  constructor(options: KeySetOptions) {
    this.#options = options
    this.#refreshing = new PeriodicJob(LOOK_INTERVAL, () => this.#refresh(), options.log)
  }

  /** Fetches the keys, and again whenever they are old. */
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

  /** Changes whenever other keys were fetched; undefined while there are none that may be used. */
  version(): number | undefined {
    return this.#usable() && this.#version
  }

  /**
   * The key that a token names.
   *
   * @throws Unavailable when there are no keys to look in
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const came = performance.now()
    if (!this.#usable()) await this.#fetch()
    const before = this.#usable()
    if (!before) throw this.#unavailable()
    try {
      return await before.find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#lastBegan > came) throw error
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
      // A fetch that is under way may have been answered before the key was published.
      if (this.#hasBegun) await this.#next
      await this.#fetch()
    } finally {
      this.#waiting -= 1
    }
  }

  /** Joins the next fetch; never throws. */
  #fetch(): Promise<void> {
    return (this.#next ??= this.#fetchInTime().finally(() => {
      this.#next = undefined
      this.#hasBegun = false
    }))
  }

  async #fetchInTime(): Promise<void> {
    const { url, timeouts } = this.#options
    const pause = this.#lastBegan + timeouts.keySetFetch - performance.now()
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
    this.#hasBegun = true
    this.#lastBegan = performance.now()
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
    return new Unavailable(this.#failure ?? 'key_set_unreachable', 'The keys that verify tokens cannot be fetched', {
      retryAfter: RETRY_AFTER,
    })
  }
}

/** The key set of the configuration, if it names one. */
export function createKeySet(
  config: AuthConfig,
  { failures, timeouts, log }: { failures: Failures; timeouts: Timeouts; log: Logger },
): RemoteKeySet | undefined {
  if (config.jwksUrl === undefined) return undefined
  return new RemoteKeySet({
    url: new URL(config.jwksUrl),
    maxStale: config.jwksMaxStale,
    report: (cause, error) => failures.report(cause, error),
    timeouts,
    log,
  })
}
