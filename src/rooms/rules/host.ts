import type { TransferHost } from './command.ts'
import { refuse, type Refusal } from './decision.ts'
import type { Draft } from './draft.ts'
import { findParticipant, hostOf, type Participant } from '../model.ts'

/** The host of a group hands it to somebody who is in it. */
export function transferHost(draft: Draft, { actor, userId }: TransferHost): Refusal | undefined {
  const { room } = draft
  if (userId === hostOf(room)) return undefined
  if (draft.participantOf(userId).state !== 'joined') return refuse('CONFLICT', `${userId} is not in the room.`)
  draft.emit('room_updated', actor.id, { room: { hostId: userId } })
  return undefined
}

/**
 * Where the host of a group has gone, whoever is there longest hosts it, so that somebody may invite, remove and end. A
 * host who has not come yet is waited for; with nobody there, the next one to come hosts.
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
