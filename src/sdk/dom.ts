/**
 * Browser types in the SDK's public API: the real ones if the importing program has `lib: dom`, otherwise a minimal
 * substitute, so that programs without `dom` compile.
 */
export type MediaStreamTrack = Of<'MediaStreamTrack', { readonly id: string; readonly kind: string; enabled: boolean }>
export type MediaDeviceInfo = Of<
  'MediaDeviceInfo',
  { readonly deviceId: string; readonly groupId: string; readonly kind: string; readonly label: string }
>
/** The argument of `new RTCPeerConnection()`. */
export type RTCConfiguration = typeof globalThis extends {
  RTCPeerConnection: new (configuration?: infer Configuration) => unknown
}
  ? NonNullable<Configuration>
  : { iceServers?: IceServer[]; iceTransportPolicy?: 'all' | 'relay' }
export type RTCIceServer = NonNullable<RTCConfiguration['iceServers']>[number]

interface IceServer {
  urls: string | string[]
  username?: string
  credential?: string
}

/** The instance type of a global class if it is declared, else the fallback. */
type Of<Name extends string, Otherwise> =
  typeof globalThis extends Record<Name, { prototype: infer Dom }> ? Dom : Otherwise
