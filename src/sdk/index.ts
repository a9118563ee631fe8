export { OpenChatClient, type ClientOptions } from './client.ts'
export type { ConnectionInfo, PeerConnection } from './connection-info.ts'
export type { AuthOptions } from './auth.ts'
export {
  RtcError,
  GATEWAY_ERROR_CODES,
  CLIENT_ERROR_CODES,
  type ClientErrorCode,
  type ErrorCode,
  type GatewayErrorCode,
  type InputProblem,
} from './errors.ts'
export type { EndedReason, RtcEventName, RtcEvents, RtcListener } from './events.ts'
export type { ImOptions, WukongimMessage, WukongimSdk } from './im.ts'
export type { UnreachablePeer, UnreachableReason } from './media/diagnosis.ts'
export type { ConnectionState, MediaSource, Track } from './media/media.ts'
export * from './model.ts'
export type * from './options.ts'
export type { RtcClient } from './rtc.ts'
