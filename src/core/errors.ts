/**
 * The closed table of errors. GraphQL, REST, the SDK and the documents derive from it:
 * clients switch on the code, never on a sentence.
 */
export const ERRORS = {
  UNAUTHENTICATED: { status: 401, title: 'No token, or one that does not verify' },
  FORBIDDEN: { status: 403, title: 'Known, but not allowed' },
  NOT_INVITED: { status: 403, title: 'Joining needs an invitation' },
  NOT_FOUND: { status: 404, title: 'No such room, path or participant' },
  BAD_USER_INPUT: { status: 400, title: 'A value fails its schema' },
  CONFLICT: { status: 409, title: 'The state does not allow it now' },
  ROOM_ENDED: { status: 409, title: 'The room is over' },
  ROOM_FULL: { status: 409, title: 'No seat is free' },
  IDEMPOTENCY_CONFLICT: { status: 409, title: 'The same key came with another body' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'Body, message or metadata over its limit' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body is not JSON' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  PROVIDER_NOT_CONFIGURED: { status: 422, title: 'The media provider has no credentials here' },
  UNAVAILABLE: { status: 503, title: 'Unavailable for the moment; safe to retry' },
  INTERNAL: { status: 500, title: 'Our fault' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof ERRORS

/** Characters of an error's sentence. */
export const MESSAGE_MAX = 1000
/** How many problems of an input are told. */
const PROBLEMS_MAX = 50

/** Text for an error, which must not echo a large input. */
export function shorten(text: string, max = 200): string {
  if (text.length <= max) return text
  return `${text.slice(0, max - 1).toWellFormed()}…`
}

/** One thing that is wrong with an input: where (`metadata.size`, `participantIds.3`) and what. */
export interface InputProblem {
  path: string
  message: string
}

/** A refusal of the domain. Every transport translates it once, at its edge. */
export class RtcError extends Error {
  override readonly name = 'RtcError'
  readonly code: ErrorCode
  /** Set for BAD_USER_INPUT. */
  readonly problems: readonly InputProblem[]
  /** Seconds until a retry makes sense; set for RATE_LIMITED and UNAVAILABLE. */
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

  /** Of an HTTP answer. */
  get status(): number {
    return ERRORS[this.code].status
  }
}

/** The error for an input that fails its schema; its sentence names every problem. */
export function badInput(problems: readonly InputProblem[]): RtcError {
  const sentence = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ')
  return new RtcError('BAD_USER_INPUT', sentence, { problems })
}
