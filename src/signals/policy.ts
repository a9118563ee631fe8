import type { Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { findParticipant, type Participant, type Room } from '../rooms/model.ts'
import { requireAllowed } from '../rooms/policy.ts'

/** A participant's current membership, which ends when they leave, are removed or join with another device. */
export interface Membership {
  readonly roomId: string
  readonly userId: string
  readonly joinedAt: Date
}

/** The participant's membership; undefined unless the participant is joined. */
export function membershipOf(participant: Participant | undefined): Membership | undefined {
  if (participant?.state !== 'joined' || !participant.joinedAt) return undefined
  return { roomId: participant.roomId, userId: participant.userId, joinedAt: participant.joinedAt }
}

/** Whether the membership is still current in this state of its room. */
export const isCurrent = ({ userId, joinedAt }: Membership, room: Room): boolean =>
  membershipOf(findParticipant(room, userId))?.joinedAt.getTime() === joinedAt.getTime()

/**
 * The membership of an actor who sends or receives signals, which requires that they have joined.
 *
 * @throws RtcError FORBIDDEN; ROOM_ENDED for participants of an ended room
 */
export function requireMembership(actor: Actor, room: Room): Membership {
  requireAllowed('signal', { actor, room })
  const membership = membershipOf(findParticipant(room, actor.id))
  if (!membership) throw new TypeError('a joined participant has no joinedAt')
  return membership
}

/** The error for a signal to a user who has not joined. */
export const notJoined = (userId: string): RtcError => new RtcError('FORBIDDEN', `${userId} has not joined this room.`)
