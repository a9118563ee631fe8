import type { Actor } from '../../core/actor.ts'
import type { Draft } from './draft.ts'
import { departed, type EndReason, findParticipant, type ParticipantRole, type Room } from '../model.ts'

/** Somebody ends the room for everybody. */
export function endBy(draft: Draft, actor: Actor): undefined {
  const { room } = draft
  const role = findParticipant(room, actor.id)?.role
  if (room.status !== 'ended') end(draft, hangUpReason(room, role), actor.id)
}

/** A call that still rings gives way to another one from the same caller to the same callee. */
export function supersede(draft: Draft): undefined {
  const { room } = draft
  const callee = room.participants.find(({ role }) => role === 'callee')
  if (room.status === 'waiting' && callee?.state === 'invited') end(draft, 'cancelled', room.callerId)
}

/** Nobody is in the room any more, or nobody ever came: then those who were invited have missed it. */
export function endEmpty(draft: Draft): void {
  const { room } = draft
  const isMissed =
    !room.participants.everJoined && room.participants.find(({ role }) => role !== 'caller') !== undefined
  end(draft, isMissed ? 'missed' : 'empty', null)
}

/**
 * Ends the room: whoever is in it is out, whatever rings is still, no deadline is left.
 *
 * @param until - when the connection was lost that the room ends with; it was active until then
 */
export function end(draft: Draft, endReason: EndReason, endedBy: string | null, until = draft.now): void {
  const { room, now } = draft
  const { startedAt } = room
  const activeUntil = startedAt && until < startedAt ? startedAt : until
  const participants = room.participants
    .filter(({ state, ringsUntil }) => state === 'joined' || ringsUntil)
    .map((row) => (row.state === 'joined' ? departed(row, 'left', 'ended', now) : { ...row, ringsUntil: null }))
  draft.emit('room_ended', endedBy, {
    room: { status: 'ended', endedAt: now, endReason, endedBy, emptyAt: null, activeUntil: startedAt && activeUntil },
    participants,
  })
}

/** Why a room is over that somebody in this role hangs up. */
export const hangUpReason = (room: Room, role: ParticipantRole | undefined): EndReason =>
  room.status === 'active' ? 'completed' : role === 'callee' ? 'rejected' : 'cancelled'
