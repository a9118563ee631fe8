import { changesRinging, INCOMING_CALL_TYPES } from '../calls/ringing.ts'
import { ROOM_EVENT_TYPES, type RoomEventType } from '../rooms/model.ts'

/** `room_created` → `room.created` */
export const webhookTypeOf = (type: RoomEventType): string => type.replace('_', '.')

export type CallType = `call.${(typeof INCOMING_CALL_TYPES)[number]}`
export const CALL_TYPES: readonly CallType[] = INCOMING_CALL_TYPES.map((type) => `call.${type}` as const)

/** Every type of webhook message. */
export const WEBHOOK_TYPES: readonly string[] = [...ROOM_EVENT_TYPES.map(webhookTypeOf), ...CALL_TYPES]

/** The types of events from which messages of the given types are made. */
export function eventTypesFor(types: ReadonlySet<string>): ReadonlySet<RoomEventType> {
  const wantsCalls = CALL_TYPES.some((type) => types.has(type))
  return new Set(
    ROOM_EVENT_TYPES.filter((type) => types.has(webhookTypeOf(type)) || (wantsCalls && changesRinging(type))),
  )
}
