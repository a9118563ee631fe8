import { RtcError } from './errors.ts'
import type { Logger } from './logger.ts'

/** Why something that the gateway depends on fails it, with a sentence for its operator. */
export const FAILURES = {
  disk_full: 'The database server has no disk space left',
  pool_exhausted: 'Every connection to the database is busy',
  database_unreachable: 'The database server cannot be reached',
  database_refused: 'The database server refuses this gateway: its password, its role or its database',
  database_read_only: 'The database is read-only',
  database_overloaded: 'The database server has no connections or no memory left',
  database_timeout: 'The database does not answer in time',
  key_set_unreachable: 'The issuer of JWKS_URL cannot be reached',
  key_set_timeout: 'The issuer of JWKS_URL does not answer in time',
  key_set_redirect: 'JWKS_URL redirects, which is not followed: set it to the place of the keys',
  key_set_invalid: 'JWKS_URL does not answer with a JSON Web Key Set',
} as const satisfies Record<string, string>

export type FailureCause = keyof typeof FAILURES

/** UNAVAILABLE, with the cause for the operator; clients see the code and a general sentence. */
export class Unavailable extends RtcError {
  readonly reason: FailureCause

  constructor(reason: FailureCause, message: string, options: { retryAfter: number; cause?: unknown }) {
    super('UNAVAILABLE', message, options)
    this.reason = reason
  }
}

/** The level at which work that failed is logged: an outage has been logged by {@link Failures}, once for all of it. */
export const levelOf = (error: unknown): 'debug' | 'warn' => (error instanceof Unavailable ? 'debug' : 'warn')

/** Milliseconds between two log lines of one cause. */
const LOG_INTERVAL = 10_000

interface Tally {
  total: number
  /** Since the last log line. */
  unlogged: number
  loggedAt: number
}

/** Counts failures by cause, and logs each cause at most once in ten seconds. */
export class Failures {
  readonly #log: Logger
  readonly #tallies = new Map<FailureCause, Tally>()

  constructor(log: Logger) {
    this.#log = log
  }

  report(cause: FailureCause, error: unknown): void {
    const tally = this.#tallies.get(cause) ?? { total: 0, unlogged: 0, loggedAt: Number.NEGATIVE_INFINITY }
    this.#tallies.set(cause, tally)
    tally.total += 1
    tally.unlogged += 1
    const now = performance.now()
    if (now - tally.loggedAt < LOG_INTERVAL) return
    this.#log.error({ cause, count: tally.unlogged, err: error }, FAILURES[cause])
    tally.loggedAt = now
    tally.unlogged = 0
  }

  /** How often each cause has occurred since the start; for metrics. */
  counts(): ReadonlyMap<FailureCause, number> {
    return new Map(Array.from(this.#tallies, ([cause, { total }]) => [cause, total]))
  }
}
