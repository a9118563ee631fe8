import { RtcError } from './errors.ts'
import type { Logger } from './logger.ts'

/** Causes for which a dependency of the gateway fails, each with a message for the operator. */
export const FAILURES = {
  disk_full: 'The database server has no disk space left',
  pool_exhausted: 'All connections to the database are in use',
  database_unreachable: 'The database server cannot be reached',
  database_refused: 'The database server rejects the gateway: check the password, the role and the database name',
  database_read_only: 'The database is read-only',
  database_overloaded: 'The database server has no free connections or no memory left',
  database_conflict: 'The database server has aborted a transaction because of other transactions',
  database_timeout: 'The database did not respond in time',
  key_set_unreachable: 'The issuer of JWKS_URL cannot be reached',
  key_set_timeout: 'The issuer of JWKS_URL did not respond in time',
  key_set_redirect: 'JWKS_URL redirects, and redirects are not followed: set it to the final URL',
  key_set_invalid: 'JWKS_URL does not return a JSON Web Key Set',
} as const satisfies Record<string, string>

export type FailureCause = keyof typeof FAILURES

/** UNAVAILABLE with its cause, which only operators see; clients see the code and a generic message. */
export class Unavailable extends RtcError {
  readonly reason: FailureCause

  constructor(reason: FailureCause, message: string, options: { retryAfter: number; cause?: unknown }) {
    super('UNAVAILABLE', message, options)
    this.reason = reason
  }
}

/** The log level for failed background work. An outage is `debug` because {@link Failures} has logged its cause. */
export const levelOf = (error: unknown): 'debug' | 'warn' => (error instanceof Unavailable ? 'debug' : 'warn')

/** Minimum time between two log lines with the same cause, in milliseconds. */
const LOG_INTERVAL = 10_000

interface Tally {
  total: number
  /** Since the last log line. */
  unlogged: number
  loggedAt: number
}

/** Counts failures by cause and logs each cause at most once per ten seconds. */
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

  /** Number of failures by cause since the start, for metrics. */
  counts(): ReadonlyMap<FailureCause, number> {
    return new Map(Array.from(this.#tallies, ([cause, { total }]) => [cause, total]))
  }
}
