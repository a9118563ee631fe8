import type { Change, Participant, Room, RoomEvent, RoomFields } from './model.ts'

/** A row as PostgreSQL's `to_jsonb` gives it: every time is a string. */
export type JsonRow = { readonly [column: string]: unknown }

const TIMES = [
  'createdAt',
  'startedAt',
  'endedAt',
  'emptyAt',
  'expiresAt',
  'deadlineAt',
  'joinedAt',
  'leftAt',
  'ringsUntil',
  'graceUntil',
  'lostAt',
  'leavesAt',
  'activeUntil',
  'at',
] as const

function reviveTimes(row: JsonRow): JsonRow {
  const revived: Record<string, unknown> = { ...row }
  for (const column of TIMES) {
    const value = revived[column]
    if (typeof value === 'string') revived[column] = new Date(value)
  }
  return revived
}

export const toFields = (row: JsonRow): RoomFields => reviveTimes(row) as unknown as RoomFields
/** Rows in the events of older versions lack what was added since. */
export const toParticipant = (row: JsonRow): Participant =>
  ({ silent: null, ...reviveTimes(row) }) as unknown as Participant

export const toRoom = (room: JsonRow, participants: readonly JsonRow[]): Room => ({
  ...toFields(room),
  participants: participants.map(toParticipant),
})

export function toEvent(row: JsonRow): RoomEvent {
  const data = row['data'] as { room?: JsonRow; participants?: readonly JsonRow[] }
  const change: Change = {
    ...(data.room && { room: reviveTimes(data.room) }),
    ...(data.participants && { participants: data.participants.map(toParticipant) }),
  }
  return { ...(reviveTimes(row) as unknown as RoomEvent), data: change }
}

/** The room's own columns, without its participants. */
export function fieldsOf({ participants: _, ...fields }: Room): RoomFields {
  return fields
}
