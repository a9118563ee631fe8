import { type Actor, isAdmin } from '../core/actor.ts'
import { findParticipant, type Room } from './model.ts'

/** Which rooms somebody may read: all, or those with a place of theirs (other than `removed`). */
export type ReadScope = 'all' | { readonly participantId: string }

export const readScope = (actor: Actor): ReadScope => (isAdmin(actor) ? 'all' : { participantId: actor.id })

/** Whether one room lies within {@link readScope}. */
export function canRead(actor: Actor, room: Room): boolean {
  const scope = readScope(actor)
  if (scope === 'all') return true
  const place = findParticipant(room, scope.participantId)
  return place !== undefined && place.state !== 'removed'
}
