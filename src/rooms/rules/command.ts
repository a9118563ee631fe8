import type { Actor } from '../../core/actor.ts'
import type { MediaProvider } from '../../core/media-provider.ts'
import type { Reach } from '../model.ts'

export const REJECT_REASONS = ['declined', 'busy'] as const
export type RejectReason = (typeof REJECT_REASONS)[number]

export interface Join {
  readonly type: 'join'
  readonly actor: Actor
  /** Null is the default device. */
  readonly deviceId: string | null
  /**
   * The client's id of the session that begins; a join with the same id is a repeat. Null: the gateway generates the id,
   * and a join by the device that already holds the seat is a repeat.
   */
  readonly sessionId: string | null
  /** The client announces a stream; without it within the grace, the session ends as disconnected. */
  readonly expectStream: boolean
  /** The client sends its media to every peer itself; the join is refused when the mesh is full. */
  readonly mesh: boolean
  /** Null: by the room's media type. */
  readonly audio: boolean | null
  readonly video: boolean | null
  /** Providers for which the gateway has credentials; absent: any. */
  readonly providers?: readonly MediaProvider[]
}

export interface Leave {
  readonly type: 'leave'
  readonly actor: Actor
  /** Leave only if this device holds the seat. Null: with any device. */
  readonly deviceId: string | null
  /** Leave only this session; an earlier id changes neither the seat nor an invitation. Null: any session. */
  readonly sessionId: string | null
  /** Delay in seconds, capped by the grace; a join or stream of the device cancels the leave. 0: at once. */
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
  /** Invited users for whom the invitation does not ring. */
  readonly silentFor: ReadonlySet<string>
  /** Invited users with a connected device. */
  readonly connected: ReadonlySet<string>
}

export interface Remove {
  readonly type: 'remove'
  readonly actor: Actor
  readonly userId: string
}

export interface TransferHost {
  readonly type: 'transferHost'
  readonly actor: Actor
  /** The new host. */
  readonly userId: string
}

export interface Update {
  readonly type: 'update'
  readonly actor: Actor
  /** Null leaves the flag as it is. */
  readonly audio: boolean | null
  readonly video: boolean | null
}

/** The last stream of a device was lost. A null `deviceId` is a stream that names no device. */
export interface Disconnect {
  readonly type: 'disconnect'
  readonly userId: string
  readonly deviceId: string | null
  /** The connection to the media service was lost instead; the stream may be live. */
  readonly of?: 'media'
}

/** A device has opened a stream. */
export interface Reconnect {
  readonly type: 'reconnect'
  readonly userId: string
  readonly deviceId: string | null
  /** Instead: a stream that was opened earlier is still live, or the participant has entered the media again. */
  readonly of?: 'live stream' | 'media'
}

/** A session did not open the stream that it announced. */
export interface Absent {
  readonly type: 'absent'
  readonly userId: string
  readonly sessionId: string
  /** When the session began. */
  readonly since: Date
}

/** The ring of an invitation got to a device, or to a push service that will notify one. */
export interface Reached {
  readonly type: 'reached'
  readonly userId: string
  readonly reach: Exclude<Reach, 'none'>
}

/** The commands on an existing room. */
export type RoomCommand =
  | Join
  | Reject
  | Invite
  | Remove
  | TransferHost
  | Update
  | Leave
  | { readonly type: 'end'; readonly actor: Actor }
  /** The caller calls the same callee again: ends this call if it is still ringing. */
  | { readonly type: 'supersede' }
  | Disconnect
  | Reconnect
  | Absent
  | Reached
  /** Applies passed deadlines only. */
  | { readonly type: 'tick' }
