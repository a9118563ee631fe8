/** What a check has found. */
export interface Finding {
  /** What was checked, such as `database` or the URL of a TURN server. */
  readonly check: string
  readonly status: 'ok' | 'warn' | 'fail'
  /** What was found, without a full stop. */
  readonly detail: string
  /** What to do about it; absent if `ok`. */
  readonly remedy?: string
}

type Failing = readonly [detail: string, remedy: string]

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail })
export const warn = (check: string, ...[detail, remedy]: Failing): Finding => ({
  check,
  status: 'warn',
  detail,
  remedy,
})
export const fail = (check: string, ...[detail, remedy]: Failing): Finding => ({
  check,
  status: 'fail',
  detail,
  remedy,
})

/** The innermost message of an error: that of `fetch` says only that it has failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message || error.name
}

/** Milliseconds within which a server must answer. */
export const ANSWER_TIMEOUT = 5000
