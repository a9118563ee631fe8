import { type Actor, isAdmin } from '../core/actor.ts'
import { type Decision, type Limits, refuse } from './decision.ts'
import { Draft, later } from './draft.ts'
import {
  departed,
  type EndReason,
  findParticipant,
  joined,
  type LeaveReason,
  newcomer,
  type Participant,
  type ParticipantRole,
  type Room,
} from './model.ts'

/** What may happen to a room that exists. */
export type RoomCommand =
  | {
      readonly type: 'join'
      readonly actor: Actor
      /** Null is one and the same default device. */
      readonly deviceId: string | null
      readonly audio: boolean | null
      readonly video: boolean | null
    }
  | { readonly type: 'leave'; readonly actor: Actor }
  | { readonly type: 'end'; readonly actor: Actor }
  | { readonly type: 'tick' }

/**
 * Everything that can happen to a room, decided without I/O: the events that follow, or why not.
 *
 * @param now - the server's time; it becomes the time of the events
 */
export function decide(room: Room, command: RoomCommand, now: Date, limits: Limits): Decision {
  switch (command.type) {
    case 'join':
      return decideJoin(room, command, now, limits)
    case 'leave':
      return decideLeave(room, command.actor, now, limits)
    case 'end':
      return decideEnd(room, command.actor, now)
    case 'tick':
      return decideTick(room, now, limits)
    default:
      return command satisfies never
  }
}

function decideJoin(room: Room, command: RoomCommand & { type: 'join' }, now: Date, limits: Limits): Decision {
  const { actor, deviceId } = command
  const before = findParticipant(room, actor.id)
  if (room.status === 'ended') return refuse('ROOM_ENDED', 'The room is over.')
  if (!before && room.access !== 'link') return refuse('NOT_INVITED', 'You are not invited to this room.')
  if (before?.state === 'removed') return refuse('FORBIDDEN', 'You were removed from this room.')

  const draft = new Draft(room, now)
  if (before?.state === 'joined') {
    if (before.deviceId === deviceId) return draft.finish()
    draft.emit('participant_left', actor.id, { participants: [departed(before, 'left', 'replaced', now)] }, actor.id)
  } else if (joined(room).length >= room.maxParticipants) {
    return refuse('ROOM_FULL', `All ${room.maxParticipants} seats are taken.`)
  }
  const ordinal = room.participants.length
  const row =
    findParticipant(draft.room, actor.id) ?? newcomer(room, actor.id, { ordinal, role: 'member', ringsUntil: null })
  draft.emit(
    'participant_joined',
    actor.id,
    {
      room: { emptyAt: null },
      participants: [
        {
          ...row,
          state: 'joined',
          deviceId,
          audio: command.audio ?? true,
          video: command.video ?? room.mediaType === 'video',
          connected: true,
          joinedAt: now,
          leftAt: null,
          leaveReason: null,
          ringsUntil: null,
          graceUntil: null,
        },
      ],
    },
    actor.id,
  )
  if (room.status === 'waiting' && joined(draft.room).length >= 2) {
    draft.emit('room_started', actor.id, {
      room: { status: 'active', startedAt: now, expiresAt: later(now, limits.maxDuration) },
    })
  }
  return draft.finish()
}

function decideLeave(room: Room, actor: Actor, now: Date, limits: Limits): Decision {
  const before = findParticipant(room, actor.id)
  if (!before || before.state === 'removed') return refuse('FORBIDDEN', 'You are not a participant of this room.')
  const draft = new Draft(room, now)
  const present = before.state === 'joined' || before.state === 'invited'
  if (room.status !== 'ended' && present) depart(draft, before, { actorId: actor.id, reason: 'left', limits })
  return draft.finish()
}

function decideEnd(room: Room, actor: Actor, now: Date): Decision {
  const role = findParticipant(room, actor.id)?.role
  const allowed = isAdmin(actor) || role === 'caller' || (room.type === 'p2p' && role === 'callee')
  if (!allowed) return refuse('FORBIDDEN', 'Only the caller may end this room, or either side of a call between two.')
  const draft = new Draft(room, now)
  if (room.status !== 'ended') end(draft, hangUpReason(room, role), actor.id)
  return draft.finish()
}

/** Applies every deadline that has passed, in the order in which they fell due. */
function decideTick(room: Room, now: Date, limits: Limits): Decision {
  const draft = new Draft(room, now)
  for (let due = draft.firstDue(); due; due = draft.firstDue()) {
    if (due.kind === 'expiry') end(draft, 'expired', null)
    else if (due.kind === 'empty') end(draft, 'empty', null)
    else if (due.kind === 'ring') stopRinging(draft, due.participant)
    else depart(draft, due.participant, { actorId: null, reason: 'disconnected', limits })
  }
  return draft.finish()
}

/** An invitation was not answered in time. */
function stopRinging(draft: Draft, invited: Participant): void {
  const callee = draft.room.participants.find(({ role }) => role === 'callee')
  const missed = draft.room.type === 'group' ? invited : callee?.state === 'invited' ? callee : undefined
  if (missed) {
    const row: Participant = { ...missed, state: 'missed', ringsUntil: null }
    draft.emit('participant_missed', null, { participants: [row] }, missed.userId)
  }
  // A callee who answered a caller that never came has not missed the call: it failed.
  if (draft.room.type === 'p2p') end(draft, missed ? 'missed' : 'failed', null)
}

/** Somebody goes; a call between two ends with them, a group may become empty. */
function depart(
  draft: Draft,
  participant: Participant,
  { actorId, reason, limits }: { actorId: string | null; reason: LeaveReason; limits: Limits },
): void {
  const { room, now } = draft
  const gone = departed(participant, 'left', reason, now)
  const empties = room.type === 'group' && participant.state === 'joined' && joined(room).length === 1
  draft.emit(
    'participant_left',
    actorId,
    { participants: [gone], ...(empties ? { room: { emptyAt: later(now, limits.empty) } } : {}) },
    participant.userId,
  )
  if (room.type === 'p2p') end(draft, hangUpReason(room, participant.role), actorId)
}

/** Ends the room: whoever is in it is out, whatever rings is still, no deadline is left. */
function end(draft: Draft, endReason: EndReason, endedBy: string | null): void {
  const { room, now } = draft
  const participants = room.participants
    .filter(({ state, ringsUntil }) => state === 'joined' || ringsUntil)
    .map((row) => (row.state === 'joined' ? departed(row, 'left', 'ended', now) : { ...row, ringsUntil: null }))
  draft.emit('room_ended', endedBy, {
    room: { status: 'ended', endedAt: now, endReason, endedBy, emptyAt: null },
    participants,
  })
}

const hangUpReason = (room: Room, role: ParticipantRole | undefined): EndReason =>
  room.status === 'active' ? 'completed' : role === 'callee' ? 'rejected' : 'cancelled'
