import type { UnreachableReason } from './media/diagnosis.ts'
import type { ConnectionState } from './media/media.ts'
import type { RTCProviderType } from './model.ts'

/** The connection to one other participant. */
export interface PeerConnection {
  /** Whether it is established. */
  readonly state: ConnectionState
  /** With `unreachable`: the probable cause; `null` otherwise. */
  readonly reason: UnreachableReason | null
}

/** How the media of the joined room is transported. */
export interface ConnectionInfo {
  /** The room's media provider. */
  readonly provider: RTCProviderType
  /**
   * With `webrtc`: whether the ICE servers include a TURN server ([RFC 8656](https://www.rfc-editor.org/rfc/rfc8656)).
   * Without one, two users behind strict firewalls cannot reach each other. `null` for providers with servers of their
   * own.
   */
  readonly hasTurn: boolean | null
  /**
   * When the first media connection of this session was established, in milliseconds, as `Date.now()`; `undefined`
   * until then. Start a call's timer here rather than at the room's `startedAt`.
   */
  readonly mediaStartedAt: number | undefined
  /** With `webrtc`: the connection to each other participant, by user id. */
  readonly peers: ReadonlyMap<string, PeerConnection>
}
