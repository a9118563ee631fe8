import { NO_DEVICE } from '../core/ids.ts'
import { AWAITED_STREAMS, EVENTS, PARTICIPANTS, ROOMS } from './columns.ts'
import type { AwaitedStream } from './rules/decision.ts'
import type { Room, RoomEvent } from './model.ts'
import { Participants } from './participants.ts'
import type { JsonRow } from './table.ts'

export type { JsonRow }

export const { fromRow: toFields } = ROOMS
export const { fromRow: toParticipant } = PARTICIPANTS

export const toRoom = (room: JsonRow, participants: readonly JsonRow[]): Room => ({
  ...toFields(room),
  participants: Participants.of(participants.map(toParticipant)),
})

/** The `data` of a stored event: changed fields of the room, and whole rows of changed participants. */
interface ChangeRow {
  readonly room?: JsonRow
  readonly participants?: readonly JsonRow[]
}

export function toEvent(row: JsonRow): RoomEvent {
  const { room, participants } = row['data'] as ChangeRow
  const data = {
    ...(room && { room: ROOMS.partialFromRow(room) }),
    ...(participants && { participants: participants.map(toParticipant) }),
  }
  return { ...EVENTS.fromRow(row), data }
}

export function eventRow({ cause: _, ...event }: RoomEvent): JsonRow {
  const { room, participants } = event.data
  const data: ChangeRow = {
    ...(room && { room: ROOMS.toRow(room) }),
    ...(participants && { participants: participants.map(PARTICIPANTS.toRow) }),
  }
  return { ...EVENTS.toRow(event), data }
}

/** The columns of the room to be inserted, without its participants. */
export function roomRow({ participants: _, ...fields }: Room): JsonRow {
  return ROOMS.toGivenRow(fields)
}

export const awaitedStreamRow = (stream: AwaitedStream): JsonRow =>
  AWAITED_STREAMS.toGivenRow({ ...stream, deviceId: stream.deviceId ?? NO_DEVICE })
