import { findParticipant, type Participant, type Room } from '../rooms/model.ts'

export const INCOMING_CALL_TYPES = ['ringing', 'answered', 'cancelled', 'rejected', 'missed'] as const
export type IncomingCallType = (typeof INCOMING_CALL_TYPES)[number]

/** What a user's devices hear of a call to them. */
export interface IncomingCall {
  readonly type: IncomingCallType
  readonly room: Room
  /** The device that answered; null is the default device. */
  readonly deviceId: string | null
  readonly at: Date
}

/** Whether the room rings for a user. A caller is expected, not rung. */
export function isRinging(room: Room, userId: string): boolean {
  const place = findParticipant(room, userId)
  return room.status !== 'ended' && place?.state === 'invited' && place.ringsUntil !== null && place.role !== 'caller'
}

/** Why a room that rang for a participant rings no more. */
export function silencedBy(place: Participant | undefined): Exclude<IncomingCallType, 'ringing'> {
  switch (place?.state) {
    case 'joined':
      return 'answered'
    case 'missed':
      return 'missed'
    // Leaving without having joined declines.
    case 'rejected':
    case 'left':
      return place.joinedAt && place.state === 'left' ? 'answered' : 'rejected'
    default:
      return 'cancelled'
  }
}
