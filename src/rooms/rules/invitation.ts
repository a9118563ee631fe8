import type { Invite, Reject, Remove } from './command.ts'
import { type RoomLimits, refuse, refuseInput, type Refusal } from './decision.ts'
import { type Draft, later, SEPARATE_EVENTS_MAX } from './draft.ts'
import { end } from './ending.ts'
import { departed, newParticipant, type Participant, ROOM_PARTICIPANTS_MAX } from '../model.ts'
import { ROOM_ENDED } from '../policy.ts'
import { emptyDeadlineAfter } from './membership.ts'
import { ringOf } from './reach.ts'

/** The actor declines an invitation; a p2p call ends. */
export function reject(draft: Draft, { actor, reason }: Reject): Refusal | undefined {
  const { room } = draft
  const before = draft.participantOf(actor.id)
  if (room.status === 'ended') return refuse('CONFLICT', 'The room has ended.')
  if (before.state === 'rejected') return undefined
  if (before.state !== 'invited') return refuse('CONFLICT', `There is no open invitation: you are ${before.state}.`)
  draft.emit('participant_rejected', actor.id, { participants: [rejected(before)] }, actor.id)
  if (room.type === 'p2p') end(draft, reason === 'busy' ? 'busy' : 'rejected', actor.id)
  return undefined
}

export const rejected = (before: Participant): Participant => ({ ...before, state: 'rejected', ringsUntil: null })

/** The host of a group invites users; it rings again for those who missed, rejected, left or were removed. */
export function invite(draft: Draft, { actor, userIds, ...invitees }: Invite, limits: RoomLimits): Refusal | undefined {
  const { room, now } = draft
  if (room.participants.joinedCount >= room.maxParticipants) {
    return refuse('ROOM_FULL', `All ${room.maxParticipants} seats are taken.`)
  }
  const { participants } = room
  const toInvite = [...new Set(userIds)].filter((userId) => !isInvitedOrJoined(participants.get(userId)))
  const newcomers = new Map<string, number>()
  for (const userId of toInvite) {
    if (!participants.get(userId)) newcomers.set(userId, participants.length + newcomers.size)
  }
  if (participants.length + newcomers.size > ROOM_PARTICIPANTS_MAX) {
    return refuseInput('userIds', `a room may have at most ${ROOM_PARTICIPANTS_MAX} participants, former ones included`)
  }
  const isCallerCounted = isInvitedOrJoined(participants.get(room.callerId)) || toInvite.includes(room.callerId)
  const members = participants.joinedCount + participants.invitedCount + toInvite.length - Number(isCallerCounted)
  if (members > room.maxParticipants) {
    return refuseInput(
      'userIds',
      `would make ${members} participants invited or joined, for ${room.maxParticipants} seats`,
    )
  }
  const ringsUntil = later(now, limits.ring)
  const rows = toInvite.map((userId): Participant => {
    const ring = ringOf(userId, invitees)
    const before = participants.get(userId)
    if (before) return { ...before, state: 'invited', ringsUntil, ...ring }
    const ordinal = newcomers.get(userId) ?? participants.length
    return newParticipant(room, userId, { ordinal, role: 'member', ringsUntil, ...ring })
  })
  // Before the first join, the room stays open at least until the invitations expire.
  const extendsEmptyDeadline = room.emptyAt !== null && !room.participants.everJoined && room.emptyAt < ringsUntil
  draft.emitForEach('participant_invited', actor.id, {
    rows,
    ...(extendsEmptyDeadline && { room: { emptyAt: ringsUntil } }),
  })
  return undefined
}

const isInvitedOrJoined = (participant: Participant | undefined): boolean =>
  participant?.state === 'joined' || participant?.state === 'invited'

/** The host of a group removes a participant, who may not join until invited again. */
export function remove(draft: Draft, { actor, userId }: Remove, limits: RoomLimits): Refusal | undefined {
  const { room, now } = draft
  const before = draft.participantOf(userId)
  if (before.state === 'removed') return undefined
  if (room.status === 'ended') return ROOM_ENDED
  const removed = departed(before, 'removed', 'removed', now)
  draft.emit(
    'participant_removed',
    actor.id,
    { participants: [removed], ...emptyDeadlineAfter(draft, before, limits) },
    userId,
  )
  return undefined
}

/** An invitation expired. In a group, all invitations with the same deadline expire together. */
export function missRing(draft: Draft, invited: Participant): void {
  if (draft.room.type === 'group') missInvitations(draft, invited)
  else missCall(draft)
}

function missInvitations(draft: Draft, { ringsUntil }: Participant): void {
  const simultaneous = draft.room.participants
    .ringing()
    .filter((participant) => participant.ringsUntil?.getTime() === ringsUntil?.getTime())
  // Few invitations get one event each, in order with the other deadlines of the same time.
  const rows = (simultaneous.length > SEPARATE_EVENTS_MAX ? simultaneous : simultaneous.slice(0, 1)).map(missed)
  draft.emitForEach('participant_missed', null, { rows })
  const { participants } = draft.room
  if (!participants.everJoined && participants.ringingCount === 0) end(draft, 'missed', null)
}

function missCall(draft: Draft): void {
  const callee = draft.room.participants.find(({ role }) => role === 'callee')
  if (callee?.state !== 'invited') {
    // The callee answered but the caller never joined: the call failed.
    end(draft, 'failed', null)
    return
  }
  draft.emitForEach('participant_missed', null, { rows: [missed(callee)] })
  end(draft, 'missed', null)
}

const missed = (before: Participant): Participant => ({ ...before, state: 'missed', ringsUntil: null })
