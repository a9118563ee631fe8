import type { Actor } from '../core/actor.ts'
import type { Invite, Reject, Remove } from './command.ts'
import { type Limits, refuse, refuseInput, type Refusal } from './decision.ts'
import { type Draft, later } from './draft.ts'
import { end } from './ending.ts'
import { departed, findParticipant, joined, newcomer, type Participant, PLACES_MAX, type Room } from './model.ts'
import { emptied } from './seat.ts'

/** Somebody invited declines; a call between two is over. */
export function reject(draft: Draft, { actor, reason }: Reject): Refusal | undefined {
  const { room } = draft
  const before = findParticipant(room, actor.id)
  if (!before || before.state === 'removed') return refuse('FORBIDDEN', 'You are not a participant of this room.')
  if (before.role === 'caller') return refuse('FORBIDDEN', 'The caller cannot reject; leave or end the room.')
  if (room.status === 'ended') return refuse('CONFLICT', 'The room is over.')
  if (before.state === 'rejected') return undefined
  if (before.state !== 'invited') return refuse('CONFLICT', `There is no open invitation: you are ${before.state}.`)
  draft.emit('participant_rejected', actor.id, { participants: [rejected(before)] }, actor.id)
  if (room.type === 'p2p') end(draft, reason === 'busy' ? 'busy' : 'rejected', actor.id)
  return undefined
}

export const rejected = (before: Participant): Participant => ({ ...before, state: 'rejected', ringsUntil: null })

/** The caller of a group invites, and rings again whoever has missed, rejected or left. */
export function invite(draft: Draft, { actor, userIds, silentFor }: Invite, limits: Limits): Refusal | undefined {
  const { room, now } = draft
  const refusal = refuseManagement(room, actor)
  if (refusal) return refusal
  if (room.status === 'ended') return refuse('ROOM_ENDED', 'The room is over.')
  if (joined(room).length >= room.maxParticipants) {
    return refuse('ROOM_FULL', `All ${room.maxParticipants} seats are taken.`)
  }
  const removed = userIds.find((userId) => findParticipant(room, userId)?.state === 'removed')
  if (removed !== undefined) return refuse('FORBIDDEN', `${removed} was removed from this room.`)
  const strangers = new Set(userIds.filter((userId) => !findParticipant(room, userId)))
  if (room.participants.length + strangers.size > PLACES_MAX) {
    return refuseInput('userIds', `a room has at most ${PLACES_MAX} participants, former ones included`)
  }

  const ringsUntil = later(now, limits.ring)
  for (const userId of new Set(userIds)) {
    const before = findParticipant(draft.room, userId)
    if (before?.state === 'joined' || before?.state === 'invited') continue
    const silent = silentFor.has(userId)
    const place = { ordinal: draft.room.participants.length, role: 'member', ringsUntil, silent } as const
    const row: Participant = before
      ? { ...before, state: 'invited', ringsUntil, silent }
      : newcomer(room, userId, place)
    draft.emit('participant_invited', actor.id, { participants: [row] }, userId)
  }
  return undefined
}

/** The caller of a group puts somebody out for good. */
export function remove(draft: Draft, { actor, userId }: Remove, limits: Limits): Refusal | undefined {
  const { room, now } = draft
  const refusal = refuseManagement(room, actor)
  if (refusal) return refusal
  const before = findParticipant(room, userId)
  if (!before) return refuse('NOT_FOUND', `${userId} is not a participant of this room.`)
  if (before.role === 'caller') return refuse('FORBIDDEN', 'The caller cannot be removed; end the room.')
  if (before.state === 'removed') return undefined
  if (room.status === 'ended') return refuse('ROOM_ENDED', 'The room is over.')
  const gone = departed(before, 'removed', 'removed', now)
  draft.emit('participant_removed', actor.id, { participants: [gone], ...emptied(draft, before, limits) }, userId)
  return undefined
}

/** An invitation was not answered in time. */
export function missRing(draft: Draft, invited: Participant): void {
  const callee = draft.room.participants.find(({ role }) => role === 'callee')
  const missed = draft.room.type === 'group' ? invited : callee?.state === 'invited' ? callee : undefined
  if (missed) {
    const row: Participant = { ...missed, state: 'missed', ringsUntil: null }
    draft.emit('participant_missed', null, { participants: [row] }, missed.userId)
  }
  // A callee who answered a caller that never came has not missed the call: it failed.
  if (draft.room.type === 'p2p') end(draft, missed ? 'missed' : 'failed', null)
}

function refuseManagement(room: Room, actor: Actor): Refusal | undefined {
  const isCaller = findParticipant(room, actor.id)?.role === 'caller'
  if (room.type === 'group' && isCaller) return undefined
  return refuse('FORBIDDEN', 'Only the caller of a group may invite and remove.')
}
