import type { Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { findParticipant, type Participant, type Room } from '../rooms/model.ts'
import { canRead } from '../rooms/policy.ts'

/** Somebody's present stay in a room: it is over when they leave, are removed or join from another device. */
export interface Membership {
  readonly roomId: string
  readonly userId: string
  readonly joinedAt: Date
}

/** The participant's membership; undefined for whoever has not joined. */
export function membershipOf(place: Participant | undefined): Membership | undefined {
  if (place?.state !== 'joined' || !place.joinedAt) return undefined
  return { roomId: place.roomId, userId: place.userId, joinedAt: place.joinedAt }
}

/** Whether the membership still lasts in this view of its room. */
export const isCurrent = ({ userId, joinedAt }: Membership, room: Room): boolean =>
  membershipOf(findParticipant(room, userId))?.joinedAt.getTime() === joinedAt.getTime()

/**
 * The stay of whoever signals, in either direction: only those joined do.
 *
 * @throws RtcError FORBIDDEN; ROOM_ENDED for those who had a place in it
 */
export function requireMembership(actor: Actor, room: Room): Membership {
  if (!canRead(actor, room)) throw new RtcError('FORBIDDEN', 'You are not a participant of this room.')
  if (room.status === 'ended') throw new RtcError('ROOM_ENDED', 'The room is over.')
  const membership = membershipOf(findParticipant(room, actor.id))
  if (!membership) throw new RtcError('FORBIDDEN', 'You have not joined this room.')
  return membership
}
