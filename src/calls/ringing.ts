import {
  findParticipant,
  isRingingFor,
  type Participant,
  type Room,
  type RoomEvent,
  type RoomEventType,
} from '../rooms/model.ts'

export const INCOMING_CALL_TYPES = ['ringing', 'answered', 'cancelled', 'rejected', 'missed'] as const
export type IncomingCallType = (typeof INCOMING_CALL_TYPES)[number]

/** The start or the end of ringing, as reported to the devices of the called user. */
export interface IncomingCall {
  readonly type: IncomingCallType
  readonly room: Room
  /** The device that answered; null if it has no deviceId, and for any other type. */
  readonly deviceId: string | null
  readonly at: Date
}

/** Whether the room is ringing for a user. */
export function isRinging(room: Room, userId: string): boolean {
  const participant = findParticipant(room, userId)
  return participant !== undefined && isRingingFor(room, participant)
}

/** A p2p call never rings for its caller. The caller of a group may leave and be invited again. */
const mayRing = (room: Room, { role }: Participant): boolean => room.type === 'group' || role !== 'caller'

/** The type that reports why a room stopped ringing for a participant. */
export function endOfRinging(participant: Participant | undefined): Exclude<IncomingCallType, 'ringing'> {
  switch (participant?.state) {
    case 'joined':
      return 'answered'
    case 'missed':
      return 'missed'
    // Leaving without having joined declines the call.
    case 'rejected':
    case 'left':
      return participant.joinedAt && participant.state === 'left' ? 'answered' : 'rejected'
    default:
      return 'cancelled'
  }
}

/** Whether a type of event can start or stop the ringing for a participant. */
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

/** Whether an event of this type can start or stop the ringing for a participant. */
export const changesRinging = (type: RoomEventType): boolean => CHANGES_RINGING[type]

/** The users for whom these events may have started or stopped the ringing. */
export function ringingChangedFor(room: Room, events: readonly RoomEvent[]): ReadonlySet<string> {
  const participants = events
    .filter(({ type }) => CHANGES_RINGING[type])
    .flatMap(({ data }) => data.participants ?? [])
    .filter((participant) => mayRing(room, participant))
  return new Set(participants.map(({ userId }) => userId))
}
