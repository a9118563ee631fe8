/**
 * The closed table of errors, from which GraphQL, REST, the SDK and the documents derive. Clients switch on the code,
 * never on the message.
 */
export const ERRORS = {
  UNAUTHENTICATED: { status: 401, title: 'The token is missing or invalid' },
  FORBIDDEN: { status: 403, title: 'The user is not allowed to do this' },
  NOT_INVITED: { status: 403, title: 'Joining requires an invitation' },
  NOT_FOUND: { status: 404, title: 'No such room, path or participant' },
  BAD_USER_INPUT: { status: 400, title: 'The input is invalid' },
  CONFLICT: { status: 409, title: 'The current state does not allow this' },
  ROOM_ENDED: { status: 409, title: 'The room has ended' },
  CALLEE_OFFLINE: { status: 409, title: 'No device of the callee can be reached' },
  ROOM_FULL: { status: 409, title: 'The room has no free seat' },
  IDEMPOTENCY_CONFLICT: { status: 409, title: 'The idempotency key was used with a different body' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body, message or metadata exceeds its limit' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body is not JSON' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  PROVIDER_NOT_CONFIGURED: { status: 422, title: 'The gateway has no credentials for this media provider' },
  UNAVAILABLE: { status: 503, title: 'Temporarily unavailable; safe to retry' },
  INTERNAL: { status: 500, title: 'Internal error of the gateway' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof ERRORS

/** Maximum length of an error's message, in characters. */
export const MESSAGE_MAX = 1000
/** Maximum number of problems in one error. */
const PROBLEMS_MAX = 50

/** Truncates a text for an error message, which must not echo a large input. */
export function shorten(text: string, max = 200): string {
  if (text.length <= max) return text
  return `${text.slice(0, max - 1).toWellFormed()}…`
}

/** One validation error of an input. `path` is the field, such as `metadata.size` or `participantIds.3`. */
export interface InputProblem {
  path: string
  message: string
}

/** An error with a code. Every transport translates it to its own format, once, at its boundary. */
export class RtcError extends Error {
  override readonly name = 'RtcError'
  readonly code: ErrorCode
  /** Empty except for BAD_USER_INPUT. */
  readonly problems: readonly InputProblem[]
  /** Seconds after which the client may retry; set for RATE_LIMITED and UNAVAILABLE. */
  readonly retryAfter: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { problems?: readonly InputProblem[]; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(shorten(message, MESSAGE_MAX), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.problems = (options.problems ?? [])
      .slice(0, PROBLEMS_MAX)
      .map((problem) => ({ path: shorten(problem.path), message: shorten(problem.message) }))
    this.retryAfter = options.retryAfter
  }

  /** The HTTP status code. */
  get status(): number {
    return ERRORS[this.code].status
  }
}

/** The code with which an error is answered; INTERNAL for an unexpected one. */
export const codeOf = (error: unknown): ErrorCode => (error instanceof RtcError ? error.code : 'INTERNAL')

/** The error for an invalid input; the message lists every problem. */
export function badInput(problems: readonly InputProblem[]): RtcError {
  const message = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ')
  return new RtcError('BAD_USER_INPUT', message, { problems })
}
