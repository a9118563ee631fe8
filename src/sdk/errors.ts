import type { UnreachablePeer } from './media/diagnosis.ts'

/** Error codes of the gateway, the same over GraphQL, WebSocket and REST. */
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

/** Error codes that this package itself raises. */
export const CLIENT_ERROR_CODES = [
  /** The gateway cannot be reached. */
  'UNREACHABLE',
  /**
   * A method was called in the wrong state: publishing before joining, joining a second room, anything after `destroy`.
   */
  'INVALID_STATE',
  /** The user or the browser's policy denies the camera, the microphone or the screen. */
  'DEVICE_DENIED',
  /** The camera or microphone does not exist. */
  'DEVICE_NOT_FOUND',
  /** The device exists but cannot be opened; often another program is using it. */
  'DEVICE_FAILED',
  /** The environment lacks a required feature, for instance `RTCPeerConnection`. */
  'NOT_SUPPORTED',
  /** The web SDK of the room's provider is neither installed nor loaded; the message says what to install. */
  'PROVIDER_SDK_MISSING',
  /** The provider's web SDK or the peer connection failed; `cause` holds its error. */
  'MEDIA_FAILED',
] as const

/** An error code of the gateway. */
export type GatewayErrorCode = (typeof GATEWAY_ERROR_CODES)[number]
/** An error code of this package. */
export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number]
/** Switch on the code, never on the message. */
export type ErrorCode = GatewayErrorCode | ClientErrorCode

/** One invalid field of an input. */
export interface InputProblem {
  readonly path: string
  readonly message: string
}

/** The class of every error that this package throws or emits as `error`. */
export class RtcError extends Error {
  override readonly name = 'RtcError'
  readonly code: ErrorCode
  /** With BAD_USER_INPUT: the invalid fields. */
  readonly problems: readonly InputProblem[]
  /** Seconds to wait before a retry, if known. */
  readonly retryAfter: number | undefined
  /** With MEDIA_FAILED of one peer: the user whose media does not arrive, and the probable cause. */
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

/** Wraps any thrown value in an {@link RtcError}; returns an RtcError unchanged. */
export function toRtcError(error: unknown, code: ErrorCode, message?: string): RtcError {
  if (error instanceof RtcError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new RtcError(code, message === undefined ? reason : `${message}: ${reason}`, { cause: error })
}
