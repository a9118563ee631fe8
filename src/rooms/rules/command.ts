import type { Actor } from '../../core/actor.ts'
import type { MediaProvider } from '../../core/media-provider.ts'

export const REJECT_REASONS = ['declined', 'busy'] as const
export type RejectReason = (typeof REJECT_REASONS)[number]

export interface Join {
  readonly type: 'join'
  readonly actor: Actor
  /** Null is one and the same default device. */
  readonly deviceId: string | null
  /**
   * The client's own id of the session that begins; the same one again is a repeat. Null: the gateway names it, and a
   * join of the device that is in the room already is a repeat.
   */
  readonly sessionId: string | null
  /** The client opens a stream within the grace; otherwise the session that begins is lost. */
  readonly expectStream: boolean
  /** The client carries the media to all others itself: it takes no seat beyond what a mesh carries. */
  readonly mesh: boolean
  /** Null leaves it to the room's media type. */
  readonly audio: boolean | null
  readonly video: boolean | null
  /** Those that will let the actor in; absent: any. */
  readonly providers?: readonly MediaProvider[]
}

export interface Leave {
  readonly type: 'leave'
  readonly actor: Actor
  /** Only from this device: when another one is in the room by now, nothing happens. Null: from whichever. */
  readonly deviceId: string | null
  /** Only this session: an earlier one changes nothing, neither a seat nor an invitation. Null: whichever. */
  readonly sessionId: string | null
  /** Seconds until it takes effect, at most the grace; a join or stream of the device takes it back. 0: at once. */
  readonly after: number
}

export interface Reject {
  readonly type: 'reject'
  readonly actor: Actor
  readonly reason: RejectReason
}

export interface Invite {
  readonly type: 'invite'
  readonly actor: Actor
  readonly userIds: readonly string[]
  /** Those of them for whom it does not ring. */
  readonly silentFor: ReadonlySet<string>
}

export interface Remove {
  readonly type: 'remove'
  readonly actor: Actor
  readonly userId: string
}

export interface TransferHost {
  readonly type: 'transferHost'
  readonly actor: Actor
  /** Who is to host. */
  readonly userId: string
}

export interface Update {
  readonly type: 'update'
  readonly actor: Actor
  /** Null leaves the flag as it is. */
  readonly audio: boolean | null
  readonly video: boolean | null
}

/** The last stream that a device had was lost. Null is a stream that names no device. */
export interface Disconnect {
  readonly type: 'disconnect'
  readonly userId: string
  readonly deviceId: string | null
}

/** A device has a stream. */
export interface Reconnect {
  readonly type: 'reconnect'
  readonly userId: string
  readonly deviceId: string | null
}

/** The stream that a session had announced has not come. */
export interface Absent {
  readonly type: 'absent'
  readonly userId: string
  readonly sessionId: string
  /** When the session began. */
  readonly since: Date
}

/** What may happen to a room that exists. */
export type RoomCommand =
  | Join
  | Reject
  | Invite
  | Remove
  | TransferHost
  | Update
  | Leave
  | { readonly type: 'end'; readonly actor: Actor }
  /** The caller calls the same callee anew: this call is over if it still rings. */
  | { readonly type: 'supersede' }
  | Disconnect
  | Reconnect
  | Absent
  /** Time has passed. */
  | { readonly type: 'tick' }
