import type { UnreachablePeer } from './media/diagnosis.ts'

/** Codes of the gateway's error table, the same at each of its doors. */
export const GATEWAY_ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_INVITED',
  'NOT_FOUND',
  'BAD_USER_INPUT',
  'CONFLICT',
  'ROOM_ENDED',
  'ROOM_FULL',
  'IDEMPOTENCY_CONFLICT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'RATE_LIMITED',
  'PROVIDER_NOT_CONFIGURED',
  'UNAVAILABLE',
  'INTERNAL',
] as const

/** Codes of what goes wrong on this side. */
export const CLIENT_ERROR_CODES = [
  /** The gateway cannot be reached. */
  'UNREACHABLE',
  /** A call out of order: publishing before joining, joining a second room, anything after `destroy`. */
  'INVALID_STATE',
  /** The user, or the browser's policy, does not allow the camera, the microphone or the screen. */
  'DEVICE_DENIED',
  /** There is no such camera or microphone. */
  'DEVICE_NOT_FOUND',
  /** The device is there and cannot be opened; often another program has it. */
  'DEVICE_FAILED',
  /** This environment lacks what it takes, for instance `RTCPeerConnection`. */
  'NOT_SUPPORTED',
  /** The web SDK of the room's provider is neither installed nor loaded; the message says what to install. */
  'PROVIDER_SDK_MISSING',
  /** The provider's web SDK, or the peer connection, has failed; `cause` is its error. */
  'MEDIA_FAILED',
] as const

/** A code of the gateway's table. */
export type GatewayErrorCode = (typeof GATEWAY_ERROR_CODES)[number]
/** A code of this package's own. */
export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number]
/** Switch on this, never on a message. */
export type ErrorCode = GatewayErrorCode | ClientErrorCode

/** One thing that is wrong with an input: where, and what. */
export interface InputProblem {
  readonly path: string
  readonly message: string
}

/** Everything that this package throws, or reports by the event `error`. */
export class RtcError extends Error {
  override readonly name = 'RtcError'
  readonly code: ErrorCode
  /** With BAD_USER_INPUT: what is wrong, and where. */
  readonly problems: readonly InputProblem[]
  /** Seconds until a retry makes sense, where that is known. */
  readonly retryAfter: number | undefined
  /** With MEDIA_FAILED, where it concerns one peer: whose media does not arrive, and why. */
  readonly peer: UnreachablePeer | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      problems?: readonly InputProblem[]
      retryAfter?: number | undefined
      peer?: UnreachablePeer
      cause?: unknown
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.problems = options.problems ?? []
    this.retryAfter = options.retryAfter
    this.peer = options.peer
  }
}

/** Any thrown thing as an {@link RtcError}; what is one already stays as it is. */
export function toRtcError(error: unknown, code: ErrorCode, message?: string): RtcError {
  if (error instanceof RtcError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new RtcError(code, message === undefined ? reason : `${message}: ${reason}`, { cause: error })
}
