import type { Json } from '../rooms/model.ts'

export const SIGNAL_TYPES = ['offer', 'answer', 'candidate', 'custom'] as const
export type SignalType = (typeof SIGNAL_TYPES)[number]

/** A JSON object of the clients' own: a session description, a candidate. */
export type Payload = { [key: string]: Json }

/** One message of WebRTC signalling, to one participant of a room. */
export interface Signal {
  /** 1, 2, 3, … for each room and addressee. */
  readonly seq: number
  readonly roomId: string
  readonly fromId: string
  readonly toId: string
  readonly type: SignalType
  readonly payload: Payload
  readonly at: Date
}

/** How long a signal is kept, read or not, in seconds. */
export const KEPT = 60

/** Signals from one participant that are kept for one other at the same time: nobody fills a mailbox for the others. */
export const MAILBOX_SHARE = 256

/** Signals of this time or before are gone at `now`. */
export const goneAt = (now: Date): Date => new Date(now.getTime() - KEPT * 1000)
