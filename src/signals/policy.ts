import type { Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { findParticipant, type Participant, type Room } from '../rooms/model.ts'
import { requireAllowed } from '../rooms/policy.ts'

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
  requireAllowed('signal', { actor, room })
  const membership = membershipOf(findParticipant(room, actor.id))
  if (!membership) throw new TypeError('whoever has joined has done so at some time')
  return membership
}

/** The refusal of a signal to somebody who has not joined. */
export const notJoined = (userId: string): RtcError => new RtcError('FORBIDDEN', `${userId} has not joined this room.`)
