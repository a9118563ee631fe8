import type { RingChange } from '../calls/ring-changes.ts'
import type { IncomingCallType } from '../calls/ringing.ts'
import type { Room } from '../rooms/model.ts'
import { MESSAGE_MAX } from './encryption.ts'

/** What a device learns about a call that rings, or has stopped ringing. */
export interface PushedCall {
  readonly type: IncomingCallType
  readonly callId: string
  /** The same as `callId`. */
  readonly roomId: string
  readonly roomType: string
  readonly roomName: string | null
  readonly callerId: string
  /** The user for whom it rings: several users may share a device. */
  readonly calleeId: string
  readonly mediaType: string
  /** Until when it rings, or would have rung; ISO 8601. */
  readonly deadline: string
}

/** One push to all devices of one user. */
export interface PushMessage {
  readonly call: PushedCall
  /** The same for every attempt, and unique. */
  readonly eventId: string
  /** Messages of one call replace each other: https://www.rfc-editor.org/rfc/rfc8030#section-5.4 */
  readonly topic: string
  readonly urgency: 'high' | 'normal'
  /** Until when it is worth delivering. */
  readonly until: Date
}

const [SECOND, DAY] = [1_000, 86_400_000]
/** Milliseconds for which the news of a call that nobody took is kept for a device that is offline. */
const MISSED_KEPT = DAY
/** Milliseconds for which a device that is offline learns that the ringing has ended otherwise. */
const END_KEPT = 300 * SECOND

/** @param options.seq - of the event; `at`: its time */
export function pushMessageOf(
  room: Room,
  { type, callee, deadline }: RingChange,
  { seq, at }: { readonly seq: number; readonly at: Date },
): PushMessage {
  const rings = type === 'ringing'
  const kept = type === 'missed' || type === 'cancelled' ? MISSED_KEPT : END_KEPT
  const end = deadline ?? at
  return {
    call: fitting({
      type,
      callId: room.id,
      roomId: room.id,
      roomType: room.type,
      roomName: room.name,
      callerId: room.callerId,
      calleeId: callee.userId,
      mediaType: room.mediaType,
      deadline: end.toISOString(),
    }),
    eventId: `${room.id}:${seq}`,
    // 32 characters are the maximum, and hexadecimal ones are among the allowed.
    topic: room.id.replaceAll('-', ''),
    urgency: rings || kept === END_KEPT ? 'high' : 'normal',
    until: rings ? end : new Date(at.getTime() + kept),
  }
}

/** The longest names and ids do not fit into a message together. */
const fitting = (call: PushedCall): PushedCall =>
  Buffer.byteLength(JSON.stringify(call)) > MESSAGE_MAX ? { ...call, roomName: null } : call
