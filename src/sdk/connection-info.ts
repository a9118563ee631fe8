import type { UnreachableReason } from './media/diagnosis.ts'
import type { ConnectionState } from './media/media.ts'
import type { RTCProviderType } from './model.ts'

/** The connection to one other participant. */
export interface PeerConnection {
  readonly state: ConnectionState
  /** With `unreachable`: why, as far as it can be told. */
  readonly reason: UnreachableReason | null
}

/** How the media of the room that is joined is carried. */
export interface ConnectionInfo {
  readonly provider: RTCProviderType
  /**
   * With `webrtc`: whether a TURN server is among the ICE servers. Without one, two people behind strict firewalls cannot
   * reach each other. `null` for a provider that brings servers of its own.
   */
  readonly hasTurn: boolean | null
  /**
   * When the first media connection of this stay came about, in milliseconds of this machine's clock; `undefined` until
   * then. A call's timer starts here, not with the room.
   */
  readonly mediaStartedAt: number | undefined
  /** With `webrtc`: the connection to each other participant, by user id. */
  readonly peers: ReadonlyMap<string, PeerConnection>
}
