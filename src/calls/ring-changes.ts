import type { RoomUpdate } from '../events/event.ts'
import { findParticipant, type Participant, type Room, type RoomEventType } from '../rooms/model.ts'
import { endOfRinging, type IncomingCallType, isRinging } from './ringing.ts'

/** An event as it is delivered, with its neighbours in the log. */
export interface DeliveredUpdate {
  readonly update: RoomUpdate
  /** The room before the event; null for its first event. */
  readonly before: Room | null
  /** The event after this one, if it is known. */
  readonly next: RoomUpdate | null
}

/** An event begins or ends the ringing for a user. */
export interface RingChange {
  readonly type: IncomingCallType
  readonly callee: Participant
  /** When the ringing ends, or would have ended, as missed. */
  readonly deadline: Date | null
}

/** The users for whom the ringing begins or ends with the event. */
export function ringChangesBy({ update, before, next }: DeliveredUpdate): RingChange[] {
  const { room, type } = update
  if (type === 'snapshot' || isBusy(update) || (next && type === 'room_created' && isBusy(next))) return []
  return candidatesOf({ update, before }).flatMap((userId): RingChange[] => {
    const callee = findParticipant(room, userId)
    const rang = before ? ringOf(before, userId) : null
    const rings = ringOf(room, userId)
    if (!callee) return []
    if (rings && rings.getTime() !== rang?.getTime()) return [{ type: 'ringing', callee, deadline: rings }]
    if (rang && !rings) return [{ type: endOfRinging(callee), callee, deadline: rang }]
    return []
  })
}

/** The users for whom the ringing may begin or end with the event. */
function candidatesOf({ update, before }: Pick<DeliveredUpdate, 'update' | 'before'>): readonly string[] {
  const { type, room, participantIds } = update
  const perType: Partial<Record<RoomEventType | 'snapshot', () => readonly Participant[]>> = {
    room_created: () => room.participants.ringing(),
    room_ended: () => before?.participants.ringing() ?? [],
  }
  return perType[type]?.().map(({ userId }) => userId) ?? participantIds
}

/** The gateway rejects a call to a busy user in the commit that creates it; it never rings. */
const isBusy = ({ type, actorId }: RoomUpdate): boolean => type === 'participant_rejected' && actorId === null

/** The deadline of the ringing; null if it does not ring for the user. */
export const ringOf = (room: Room, userId: string): Date | null =>
  isRinging(room, userId) ? (findParticipant(room, userId)?.ringsUntil ?? null) : null
