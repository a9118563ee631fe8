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
  'CALLEE_OFFLINE',
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
  /** The gateway did not answer for 8 s. */
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
/** The code of an {@link RtcError}. Switch on it, never on a message. */
export type ErrorCode = GatewayErrorCode | ClientErrorCode

/** One invalid field of an input. */
export interface InputProblem {
  /** Where, for instance `userId`. */
  readonly path: string
  /** What, in words for a developer. */
  readonly message: string
}

/**
 * The class of every error that this package throws or emits as `error`.
 *
 * @example
 * ```ts
 * try {
 *   await rtc.joinRoom(room.id)
 * } catch (error) {
 *   if (!(error instanceof RtcError)) throw error
 *   notify(error.code === 'ROOM_ENDED' ? 'The call is over.' : error.message)
 * }
 * ```
 */
export class RtcError extends Error {
  /** Always `RtcError`. */
  override readonly name = 'RtcError'
  /** What went wrong. */
  readonly code: ErrorCode
  /** With BAD_USER_INPUT: the invalid fields; otherwise empty. */
  readonly problems: readonly InputProblem[]
  /** Seconds to wait before a retry, if known, for instance with RATE_LIMITED. */
  readonly retryAfter: number | undefined
  /** With MEDIA_FAILED of one peer: the user whose media does not arrive, and the probable cause. */
  readonly peer: UnreachablePeer | undefined

  /** For a `refreshToken` that reports UNREACHABLE; all others come from this package. */
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
