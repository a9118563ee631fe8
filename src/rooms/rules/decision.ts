import type { ErrorCode, InputProblem } from '../../core/errors.ts'
import type { Room, RoomEvent } from '../model.ts'

/** Durations in seconds. */
export interface Deadlines {
  /** How long an invitation rings. */
  readonly ring: number
  /** How long a participant whose stream was lost may take to reconnect. */
  readonly grace: number
  /** How long a group stays open with no joined participant, before the first join or after the last departure. */
  readonly empty: number
  /** The longest a room may wait, and the longest it may be active. */
  readonly maxDuration: number
}

/** The configured values that the rules depend on. */
export interface RoomLimits extends Deadlines {
  /** Participants that a mesh supports; the default seats of a group with provider `webrtc`. */
  readonly meshMax: number
}

export interface Refusal {
  readonly kind: 'refusal'
  readonly code: ErrorCode
  readonly message: string
  readonly problems?: readonly InputProblem[]
}

/** A stream that a session has announced. The room does not know whether it was opened; the leases do. */
export interface AwaitedStream {
  readonly roomId: string
  readonly userId: string
  readonly deviceId: string | null
  readonly sessionId: string
  readonly since: Date
  readonly until: Date
}

/** The events to append and the room after them; no events if the command changes nothing. */
export interface Accepted {
  readonly kind: 'change'
  readonly room: Room
  readonly events: readonly RoomEvent[]
  readonly awaited: readonly AwaitedStream[]
}

export type Decision = Accepted | Refusal

export const refuse = (code: ErrorCode, message: string): Refusal => ({ kind: 'refusal', code, message })

export const refuseInput = (path: string, message: string): Refusal => ({
  kind: 'refusal',
  code: 'BAD_USER_INPUT',
  message: `${path}: ${message}`,
  problems: [{ path, message }],
})
