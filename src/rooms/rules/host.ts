import type { TransferHost } from './command.ts'
import { refuse, type Refusal } from './decision.ts'
import type { Draft } from './draft.ts'
import { findParticipant, hostOf, type Participant } from '../model.ts'

/** Makes a joined participant the host of a group. */
export function transferHost(draft: Draft, { actor, userId }: TransferHost): Refusal | undefined {
  const { room } = draft
  if (userId === hostOf(room)) return undefined
  if (draft.participantOf(userId).state !== 'joined') return refuse('CONFLICT', `${userId} has not joined the room.`)
  draft.emit('room_updated', actor.id, { room: { hostId: userId } })
  return undefined
}

/**
 * When the host of a group has left, makes the participant who joined first the new host, so that the group always has a
 * host who can act. A host who is still invited keeps the role. With no joined participant, the next one to join becomes
 * host.
 */
export function succeedHost(draft: Draft, actorId: string | null): void {
  const { room } = draft
  const host = hostOf(room)
  if (host === null || room.status === 'ended') return
  const state = findParticipant(room, host)?.state
  if (state === 'joined' || state === 'invited') return
  const [successor] = room.participants.joined().toSorted(bySeniority)
  if (successor) draft.emit('room_updated', actorId, { room: { hostId: successor.userId } })
}

const bySeniority = (a: Participant, b: Participant): number =>
  (a.joinedAt?.getTime() ?? 0) - (b.joinedAt?.getTime() ?? 0) || a.ordinal - b.ordinal
