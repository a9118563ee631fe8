import type { Absent, Disconnect, Reconnect } from './command.ts'
import type { RoomLimits } from './decision.ts'
import { type Draft, later } from './draft.ts'
import { findParticipant, type Participant, PRESENT, type Room } from '../model.ts'
import { depart } from './membership.ts'

/**
 * The participant, if this device holds their seat; a stream without a device matches a seat without one. Streams of the
 * user's other devices do not prove presence.
 */
function seatedDevice(room: Room, { userId, deviceId }: Disconnect | Reconnect): Participant | undefined {
  const participant = findParticipant(room, userId)
  return participant?.state === 'joined' && participant.deviceId === deviceId ? participant : undefined
}

/**
 * The device that holds the seat lost its stream or its media: begins the grace, unless it is already running. If the stream
 * is lost after the media, only a stream ends the grace.
 */
export function disconnect(draft: Draft, command: Disconnect, limits: RoomLimits): undefined {
  const before = seatedDevice(draft.room, command)
  if (!before) return
  const mediaLost = command.of === 'media'
  if (before.connected) {
    const graceUntil = later(draft.now, limits.grace)
    const after = { ...before, connected: false, lostAt: draft.now, graceUntil, mediaLost }
    draft.emit('participant_disconnected', null, { participants: [after] }, before.userId)
  } else if (before.mediaLost && !mediaLost) {
    draft.emit('participant_updated', null, { participants: [{ ...before, mediaLost }] }, before.userId)
  }
}

/**
 * The device that holds the seat opened a stream again: ends the grace. Media that is back ends only the grace that lost
 * media began, which a stream that was live all the time does not end.
 */
export function reconnect(draft: Draft, command: Reconnect): undefined {
  const before = seatedDevice(draft.room, command)
  if (!before || before.connected) return
  if (command.of === (before.mediaLost && !before.leavesAt ? 'live stream' : 'media')) return
  const after = { ...before, ...PRESENT }
  draft.emit('participant_reconnected', before.userId, { participants: [after] }, before.userId)
}

/** The session did not open the announced stream: it ends as of its beginning. */
export function absent(draft: Draft, { userId, sessionId, since }: Absent, limits: RoomLimits): undefined {
  const before = findParticipant(draft.room, userId)
  const isStillExpected = before?.state === 'joined' && before.connected && before.sessionId === sessionId
  if (isStillExpected) leaveDisconnected(draft, { ...before, lostAt: since }, limits)
}

/** A delayed leave takes effect. */
export const leavePostponed = (draft: Draft, participant: Participant, limits: RoomLimits): void =>
  depart(draft, participant, { actorId: participant.userId, reason: 'left', limits })

/** The grace has expired. */
export const leaveDisconnected = (draft: Draft, participant: Participant, limits: RoomLimits): void =>
  depart(draft, participant, { actorId: null, reason: 'disconnected', limits })
