import type { Join, Leave, Update } from './command.ts'
import { type RoomLimits, refuse, type Refusal } from './decision.ts'
import { type Draft, later } from './draft.ts'
import { end, hangUpReason } from './ending.ts'
import { succeedHost } from './host.ts'
import {
  departed,
  findParticipant,
  type LeaveReason,
  newParticipant,
  type Participant,
  ROOM_PARTICIPANTS_MAX,
  PRESENT,
  type Room,
} from '../model.ts'

/**
 * Takes a seat, which begins a session. A repeat changes nothing. A new session of the same device, as after a reload,
 * takes over the membership. Another device replaces the first.
 */
export function join(draft: Draft, command: Join, limits: RoomLimits): Refusal | undefined {
  const { room, now } = draft
  const { actor, deviceId } = command
  const before = findParticipant(room, actor.id)
  // Without credentials for the provider, the participant would hold a seat but have no media.
  if (command.providers?.includes(room.provider) === false) {
    return refuse('PROVIDER_NOT_CONFIGURED', `This gateway has no credentials for the provider ${room.provider}.`)
  }

  if (before?.state === 'joined') {
    if (before.deviceId === deviceId) return takeOver(draft, before, command, limits)
    draft.emit('participant_left', actor.id, { participants: [departed(before, 'left', 'replaced', now)] }, actor.id)
  } else {
    const full = refuseSeat(room, command, limits)
    if (full) return full
  }
  if (!before && room.participants.length >= ROOM_PARTICIPANTS_MAX) {
    return refuse('ROOM_FULL', `This room has had ${ROOM_PARTICIPANTS_MAX} participants, former ones included.`)
  }
  const fields = { ordinal: room.participants.length, role: 'member', ringsUntil: null } as const
  const row = findParticipant(draft.room, actor.id) ?? newParticipant(room, actor.id, fields)
  const seated = {
    ...row,
    state: 'joined',
    deviceId,
    sessionId: command.sessionId ?? nextSessionId(draft.room),
    ...published(room, command),
    ...PRESENT,
    joinedAt: now,
    leftAt: null,
    leaveReason: null,
    ringsUntil: null,
  } as const
  draft.emit('participant_joined', actor.id, { room: { emptyAt: null }, participants: [seated] }, actor.id)
  if (command.expectStream) draft.awaitStream(announced(seated, seated.sessionId, later(now, limits.grace)))

  if (room.status === 'waiting' && draft.room.participants.joinedCount >= 2) {
    const expiresAt = later(now, limits.maxDuration)
    draft.emit('room_started', actor.id, { room: { status: 'active', startedAt: now, expiresAt } })
  }
  succeedHost(draft, actor.id)
  return undefined
}

function refuseSeat(room: Room, { mesh }: Join, { meshMax }: RoomLimits): Refusal | undefined {
  const count = room.participants.joinedCount
  if (count >= room.maxParticipants) return refuse('ROOM_FULL', `All ${room.maxParticipants} seats are taken.`)
  if (!mesh || room.provider !== 'webrtc' || count < meshMax) return undefined
  return refuse('ROOM_FULL', `A mesh supports ${meshMax} participants, and ${meshMax} have joined.`)
}

/** An id that the gateway generates consists of the room's id and the `seq` of the event that begins the session. */
const nextSessionId = ({ id, seq }: Room): string => `${id}:${seq + 1}`

/** The audio and video flags of a new session. */
const published = (room: Room, { audio, video }: Join) => ({
  audio: audio ?? true,
  video: video ?? room.mediaType === 'video',
})

const announced = ({ userId, deviceId }: Participant, sessionId: string, until: Date) => ({
  userId,
  deviceId,
  sessionId,
  until,
})

/**
 * Handles a join by the device that holds the seat. A new session takes over the seat. The participant is connected
 * again if the join announces a stream or cancels a delayed leave.
 */
function takeOver(draft: Draft, before: Participant, command: Join, limits: RoomLimits): undefined {
  const { now, room } = draft
  const sessionId = command.sessionId ?? before.sessionId
  const isNew = sessionId !== before.sessionId
  if (!isNew && !before.leavesAt) return
  const isBack = !before.connected && (command.expectStream || before.leavesAt !== null)
  const after = {
    ...before,
    sessionId,
    ...(isNew && published(room, command)),
    ...(isBack && PRESENT),
  }
  const type = isBack ? 'participant_reconnected' : 'participant_updated'
  draft.emit(type, before.userId, { participants: [after] }, before.userId)
  if (command.expectStream && sessionId !== null) {
    draft.awaitStream(announced(before, sessionId, later(now, limits.grace)))
  }
}

/** Gives up the seat or the invitation, with a delay if the client may come back. */
export function leave(draft: Draft, { actor, deviceId, sessionId, after }: Leave, limits: RoomLimits): undefined {
  const before = draft.participantOf(actor.id)
  // A late leave from a replaced device must not end the session of the device that replaced it.
  if (before.state === 'joined' && deviceId !== null && before.deviceId !== deviceId) return
  if (sessionId !== null && before.sessionId !== sessionId) return
  const present = before.state === 'joined' || before.state === 'invited'
  if (draft.room.status === 'ended' || !present) return
  if (after > 0) postponeLeave(draft, before, Math.min(after, limits.grace))
  // An explicit leave counts the membership until now, even if the stream was lost before.
  else depart(draft, { ...before, lostAt: null }, { actorId: actor.id, reason: 'left', limits })
}

/** Shows the participant as disconnected until the leave takes effect or is cancelled. */
function postponeLeave(draft: Draft, before: Participant, seconds: number): void {
  if (before.state !== 'joined' || before.leavesAt) return
  const leavesAt = later(draft.now, seconds)
  const after = { ...before, connected: false, lostAt: before.lostAt ?? draft.now, leavesAt }
  const type = before.connected ? 'participant_disconnected' : 'participant_updated'
  draft.emit(type, before.userId, { participants: [after] }, before.userId)
}

/** The participant leaves; a p2p call ends, a group may become empty. */
export function depart(
  draft: Draft,
  participant: Participant,
  { actorId, reason, limits }: { actorId: string | null; reason: LeaveReason; limits: RoomLimits },
): void {
  const { room, now } = draft
  const left = departed(participant, 'left', reason, now)
  draft.emit(
    'participant_left',
    actorId,
    { participants: [left], ...emptyDeadlineAfter(draft, participant, limits) },
    participant.userId,
  )
  if (room.type === 'p2p') end(draft, hangUpReason(room, participant.role), actorId, participant.lostAt ?? now)
  else succeedHost(draft, actorId)
}

/** The change of the room that sets the empty deadline when the last joined participant leaves a group. */
export function emptyDeadlineAfter({ room, now }: Draft, leaving: Participant, limits: RoomLimits) {
  const isLast = room.type === 'group' && leaving.state === 'joined' && room.participants.joinedCount === 1
  return isLast ? { room: { emptyAt: later(now, limits.empty) } } : {}
}

/** Changes what a joined participant publishes. */
export function update(draft: Draft, { actor, audio, video }: Update): undefined {
  const before = draft.participantOf(actor.id)
  const after = { ...before, audio: audio ?? before.audio, video: video ?? before.video }
  if (after.audio === before.audio && after.video === before.video) return
  draft.emit('participant_updated', actor.id, { participants: [after] }, actor.id)
}
