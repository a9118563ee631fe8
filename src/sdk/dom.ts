/**
 * The browser's types that the SDK's own types speak of: the real ones where the importing program has `lib: dom`, and
 * else the part that is needed to pass them on, so that a program without it compiles.
 */
export type MediaStreamTrack = Of<'MediaStreamTrack', { readonly id: string; readonly kind: string; enabled: boolean }>
export type MediaDeviceInfo = Of<
  'MediaDeviceInfo',
  { readonly deviceId: string; readonly groupId: string; readonly kind: string; readonly label: string }
>
/** What `new RTCPeerConnection()` takes. */
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

/** The type of the global class of a name, if there is one. */
type Of<Name extends string, Otherwise> =
  typeof globalThis extends Record<Name, { prototype: infer Dom }> ? Dom : Otherwise
