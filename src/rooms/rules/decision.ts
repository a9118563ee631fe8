import type { ErrorCode, InputProblem } from '../../core/errors.ts'
import type { Room, RoomEvent } from '../model.ts'

/** All in seconds. */
export interface Deadlines {
  /** How long an invitation rings. */
  readonly ring: number
  /** How long a participant whose stream was lost may take to come back. */
  readonly grace: number
  /** How long a group room stays open with nobody in it, after everybody has left or before anybody has come. */
  readonly empty: number
  /** The longest a room may wait, and the longest it may be active. */
  readonly maxDuration: number
}

/** What is configured and the rules depend on. */
export interface RoomLimits extends Deadlines {
  /** Seats of a group of provider `webrtc` that names no number: as many as a mesh carries. */
  readonly meshMax: number
}

export interface Refusal {
  readonly kind: 'refusal'
  readonly code: ErrorCode
  readonly message: string
  readonly problems?: readonly InputProblem[]
}

/** A session that has said that its stream will come. Whether it has come is not the room's to know. */
export interface AwaitedStream {
  readonly roomId: string
  readonly userId: string
  readonly deviceId: string | null
  readonly sessionId: string
  readonly since: Date
  readonly until: Date
}

/** The events to append and the room after them; no events when there is nothing to do. */
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
