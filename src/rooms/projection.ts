import type { Participant, RoomFields } from './model.ts'

/** The fields that a read returns, in place of whole rows. */
export interface Projection {
  /** Of the room; `id` is always read. */
  readonly room: readonly (keyof RoomFields)[] | 'all'
  /** Of each participant; `roomId` is always set. Null to read no participants. */
  readonly participants: readonly (keyof Participant)[] | 'all' | null
}

export type ProjectedParticipant = Partial<Participant> & Pick<Participant, 'roomId'>

/** A room with the fields of a {@link Projection}. */
export interface ProjectedRoom extends Partial<RoomFields> {
  readonly id: string
  /** Absent if they were not requested, or are too many for the statement. */
  readonly participants?: readonly ProjectedParticipant[]
}
