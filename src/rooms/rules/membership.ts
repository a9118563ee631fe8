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
 * Takes a seat, which begins a session. A repeat changes nothing; another session of the same device takes over where
 * the first one was, as a page does after a reload; another device replaces the first.
 */
export function join(draft: Draft, command: Join, limits: RoomLimits): Refusal | undefined {
  const { room, now } = draft
  const { actor, deviceId } = command
  const before = findParticipant(room, actor.id)
  // A seat without media: the others would see somebody come whom they never hear.
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
  return refuse('ROOM_FULL', `A mesh carries ${meshMax} participants, and as many are there.`)
}

/** A session that the gateway names is named after the event that begins it. */
const nextSessionId = ({ id, seq }: Room): string => `${id}:${seq + 1}`

/** What a new session publishes. */
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
 * The device that holds the seat joins again: with a session of its own, that one holds the seat from now on. It is
 * there again if it announces a stream, or if the session before only said that it closes.
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

/** Gives the seat, or the invitation, up; later, if so asked by a client that may come back. */
export function leave(draft: Draft, { actor, deviceId, sessionId, after }: Leave, limits: RoomLimits): undefined {
  const before = draft.participantOf(actor.id)
  // A device that was replaced hangs up late: it must not take the one that came after it along.
  if (before.state === 'joined' && deviceId !== null && before.deviceId !== deviceId) return
  if (sessionId !== null && before.sessionId !== sessionId) return
  const present = before.state === 'joined' || before.state === 'invited'
  if (draft.room.status === 'ended' || !present) return
  if (after > 0) postponeLeave(draft, before, Math.min(after, limits.grace))
  // By their own word now: they were there until now.
  else depart(draft, { ...before, lostAt: null }, { actorId: actor.id, reason: 'left', limits })
}

/** The client closes: the participant is seen as disconnected until they leave, or are back. */
function postponeLeave(draft: Draft, before: Participant, seconds: number): void {
  if (before.state !== 'joined' || before.leavesAt) return
  const leavesAt = later(draft.now, seconds)
  const after = { ...before, connected: false, lostAt: before.lostAt ?? draft.now, leavesAt }
  const type = before.connected ? 'participant_disconnected' : 'participant_updated'
  draft.emit(type, before.userId, { participants: [after] }, before.userId)
}

/** Somebody goes; a call between two ends with them, a group may become empty. */
export function depart(
  draft: Draft,
  participant: Participant,
  { actorId, reason, limits }: { actorId: string | null; reason: LeaveReason; limits: RoomLimits },
): void {
  const { room, now } = draft
  const leaver = departed(participant, 'left', reason, now)
  draft.emit(
    'participant_left',
    actorId,
    { participants: [leaver], ...emptyDeadlineAfter(draft, participant, limits) },
    participant.userId,
  )
  if (room.type === 'p2p') end(draft, hangUpReason(room, participant.role), actorId, participant.lostAt ?? now)
  else succeedHost(draft, actorId)
}

/** The change that starts the empty deadline when the last one is about to leave a group. */
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
