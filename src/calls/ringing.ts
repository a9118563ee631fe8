import { findParticipant, type Participant, type Room, type RoomEvent, type RoomEventType } from '../rooms/model.ts'

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

/** Whether the room rings for a user. Who calls is expected, not rung; who has left a group of theirs may be invited. */
export function isRinging(room: Room, userId: string): boolean {
  const place = findParticipant(room, userId)
  if (room.status === 'ended' || place?.state !== 'invited') return false
  return place.ringsUntil !== null && mayRing(room, place) && !place.silent
}

const mayRing = (room: Room, { role }: Participant): boolean => room.type === 'group' || role !== 'caller'

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

/** Whether a room may ring after an event for somebody for whom it did not, or no more. */
const CHANGES_RINGING: Readonly<Record<RoomEventType, boolean>> = {
  room_created: true,
  room_started: false,
  room_ended: true,
  room_updated: false,
  participant_invited: true,
  participant_joined: true,
  participant_left: true,
  participant_rejected: true,
  participant_missed: true,
  participant_removed: true,
  participant_updated: false,
  participant_disconnected: false,
  participant_reconnected: false,
}

/** The users for whom a room may have begun or ceased to ring by these events. */
export function ringingChangedFor(room: Room, events: readonly RoomEvent[]): ReadonlySet<string> {
  const people = events
    .filter(({ type }) => CHANGES_RINGING[type])
    .flatMap(({ data }) => data.participants ?? [])
    .filter((participant) => mayRing(room, participant))
  return new Set(people.map(({ userId }) => userId))
}
