import type { Reached } from './command.ts'
import type { Draft } from './draft.ts'
import { findParticipant, type Reach, REACHES, reachMayChange } from '../model.ts'

/**
 * How a new invitation rings. One that is silent reaches nobody, so that a blocked caller sees the same as for a user
 * without devices.
 */
export function ringOf(
  userId: string,
  { silentFor, connected }: { readonly silentFor: ReadonlySet<string>; readonly connected: ReadonlySet<string> },
): { readonly silent: boolean; readonly reach: Reach } {
  const silent = silentFor.has(userId)
  return { silent, reach: !silent && connected.has(userId) ? 'connected' : 'none' }
}

/** The ring got further than before: to a push service, or to a device. Ignored once the participant no longer rings. */
export function reached(draft: Draft, { userId, reach }: Reached): undefined {
  const { room } = draft
  const before = findParticipant(room, userId)
  if (!before || !reachMayChange(room, before)) return
  if (rankOf(reach) <= rankOf(before.reach)) return
  // Not a type of its own: nodes of the previous release fail to deliver events of types that they do not know.
  draft.emit('participant_updated', null, { room: { reach }, participants: [{ ...before, reach }] }, userId)
}

const rankOf = (reach: Reach | null): number => (reach === null ? -1 : REACHES.indexOf(reach))
