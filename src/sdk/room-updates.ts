import type { EndedReason, RtcEventName } from './events.ts'
import type { Participant, Room, RoomUpdate } from './model.ts'

/** The participants whom an update affects. An event shared by very many names none: then those whose state changed. */
export function affectedBy({ participant, room }: RoomUpdate, before: Room): readonly Participant[] {
  if (participant) return [participant]
  const states = new Map(before.participants.map(({ userId, state }) => [userId, state]))
  return room.participants.filter(({ userId, state }) => states.get(userId) !== state)
}

/** The participant event that each type of update also emits; null: none. */
export const PARTICIPANT_EVENTS = {
  snapshot: null,
  room_created: null,
  room_started: null,
  room_ended: null,
  room_updated: null,
  participant_joined: 'participantJoined',
  participant_left: 'participantLeft',
  participant_removed: 'participantLeft',
  participant_invited: 'participantUpdated',
  participant_rejected: 'participantUpdated',
  participant_missed: 'participantUpdated',
  participant_updated: 'participantUpdated',
  participant_disconnected: 'participantUpdated',
  participant_reconnected: 'participantUpdated',
} as const satisfies Record<RoomUpdate['type'], RtcEventName | null>

/** Why an update ends this user's session; undefined if it does not. */
export function endedReasonOf(
  { type, room, participant }: RoomUpdate,
  { userId, isOwnSession }: { userId: string; isOwnSession: (sessionId: string | null) => boolean },
): EndedReason | undefined {
  if (room.status === 'ended') return type === 'room_ended' ? (room.endReason ?? 'completed') : undefined
  if (participant?.userId !== userId) return undefined
  if (participant.state === 'joined' && !isOwnSession(participant.sessionId)) return 'replaced'
  if (type === 'participant_removed') return 'removed'
  if (type !== 'participant_left') return undefined
  const { leaveReason } = participant
  if (leaveReason === 'replaced') return 'replaced'
  // Leaving a call ends it: the `room_ended` that follows carries the reason.
  if (room.type === 'p2p') return undefined
  return leaveReason === 'disconnected' ? 'disconnected' : 'left'
}
