import type { Actor } from '../../core/actor.ts'
import type { Draft } from './draft.ts'
import { departed, type EndReason, findParticipant, type ParticipantRole, type Room } from '../model.ts'

/** The actor ends the room for all participants. */
export function endBy(draft: Draft, actor: Actor): undefined {
  const { room } = draft
  const role = findParticipant(room, actor.id)?.role
  if (room.status !== 'ended') end(draft, hangUpReason(room, role), actor.id)
}

/** Cancels a ringing call in favour of a newer call from the same caller to the same callee. */
export function supersede(draft: Draft): undefined {
  const { room } = draft
  const callee = room.participants.find(({ role }) => role === 'callee')
  if (room.status === 'waiting' && callee?.state === 'invited') end(draft, 'cancelled', room.callerId)
}

/** Ends a group that stayed empty: as `missed` if invitations were sent and no participant ever joined, else as `empty`. */
export function endEmpty(draft: Draft): void {
  const { room } = draft
  const isMissed =
    !room.participants.everJoined && room.participants.find(({ role }) => role !== 'caller') !== undefined
  end(draft, isMissed ? 'missed' : 'empty', null)
}

/**
 * Ends the room: joined participants leave, invitations stop ringing, no deadline remains.
 *
 * @param until - when the room stopped being active: now, or the time at which the connection was lost that ends it
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

/** The end reason of a room that is ended by a participant in this role. */
export const hangUpReason = (room: Room, role: ParticipantRole | undefined): EndReason =>
  room.status === 'active' ? 'completed' : role === 'callee' ? 'rejected' : 'cancelled'
