import type { Absent, Disconnect, Reconnect } from './command.ts'
import type { RoomLimits } from './decision.ts'
import { type Draft, later } from './draft.ts'
import { findParticipant, type Participant, PRESENT, type Room } from '../model.ts'
import { depart } from './membership.ts'

/**
 * The participant whose presence a stream of the device proves: the seat's own device, where a stream without one is as
 * good as a seat without one. Streams of the user's other devices say nothing about who holds the seat.
 */
function seatedDevice(room: Room, { userId, deviceId }: Disconnect | Reconnect): Participant | undefined {
  const participant = findParticipant(room, userId)
  return participant?.state === 'joined' && participant.deviceId === deviceId ? participant : undefined
}

/** The stream of the device that holds the seat was lost: the grace begins, unless it runs already. */
export function disconnect(draft: Draft, command: Disconnect, limits: RoomLimits): undefined {
  const before = seatedDevice(draft.room, command)
  if (!before?.connected) return
  const graceUntil = later(draft.now, limits.grace)
  const after = { ...before, connected: false, lostAt: draft.now, graceUntil }
  draft.emit('participant_disconnected', null, { participants: [after] }, before.userId)
}

/** The device that holds the seat has a stream again within the grace. */
export function reconnect(draft: Draft, command: Reconnect): undefined {
  const before = seatedDevice(draft.room, command)
  if (!before || before.connected) return
  const after = { ...before, ...PRESENT }
  draft.emit('participant_reconnected', before.userId, { participants: [after] }, before.userId)
}

/** The session never had the stream that it announced: it has not been there. */
export function absent(draft: Draft, { userId, sessionId, since }: Absent, limits: RoomLimits): undefined {
  const before = findParticipant(draft.room, userId)
  const isStillExpected = before?.state === 'joined' && before.connected && before.sessionId === sessionId
  if (isStillExpected) leaveDisconnected(draft, { ...before, lostAt: since }, limits)
}

/** The client that closed has not come back. */
export const leavePostponed = (draft: Draft, participant: Participant, limits: RoomLimits): void =>
  depart(draft, participant, { actorId: participant.userId, reason: 'left', limits })

/** The grace is over. */
export const leaveDisconnected = (draft: Draft, participant: Participant, limits: RoomLimits): void =>
  depart(draft, participant, { actorId: null, reason: 'disconnected', limits })
