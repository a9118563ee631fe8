import type { Json } from '../rooms/model.ts'

export const SIGNAL_TYPES = ['offer', 'answer', 'candidate', 'custom'] as const
export type SignalType = (typeof SIGNAL_TYPES)[number]

/** A JSON object defined by the clients, such as a session description or a candidate. */
export type Payload = { [key: string]: Json }

/** A WebRTC signalling message from one participant of a room to another. */
export interface Signal {
  /** Counts from 1 per room and addressee. */
  readonly seq: number
  readonly roomId: string
  readonly fromId: string
  readonly toId: string
  readonly type: SignalType
  readonly payload: Payload
  readonly at: Date
}

/** How long a signal is kept in the mailbox, read or not, in seconds. */
export const RETENTION = 60

/** Maximum number of kept signals per sender in one mailbox, so that no sender can fill it for the others. */
export const MAILBOX_SHARE = 256

/** Signals sent at or before this time have expired at `now`. */
export const expiryCutoff = (now: Date): Date => new Date(now.getTime() - RETENTION * 1000)
