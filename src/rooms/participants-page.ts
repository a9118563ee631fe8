import type { Participant, ParticipantState } from './model.ts'
import type { Participants } from './participants.ts'

/** Selects participants of a room. */
export interface ParticipantsFilter {
  readonly roomId: string
  /** Only participants in one of these states; null for all. */
  readonly state: readonly ParticipantState[] | null
}

export interface ParticipantsQuery extends ParticipantsFilter {
  readonly first: number
  /** The page begins after this ordinal. */
  readonly after: number | null
}

export interface ParticipantsSlice {
  readonly participants: readonly Participant[]
  readonly hasNextPage: boolean
}

/** The cursor of a participant: its ordinal, which never changes. */
export const cursorOf = ({ ordinal }: Participant): string => String(ordinal)

export const inState =
  (states: ParticipantsFilter['state']) =>
  ({ state }: Participant): boolean =>
    states === null || states.includes(state)

/** A page of participants that are already loaded. */
export function pageOf(
  participants: Participants | readonly Participant[],
  { state, first, after }: Omit<ParticipantsQuery, 'roomId'>,
): ParticipantsSlice {
  const isSelected = inState(state)
  return sliceOf(
    [...participants].filter((participant) => participant.ordinal > (after ?? -1) && isSelected(participant)),
    first,
  )
}

/** Cuts a page from a result that was read with a limit of one more than the page's size. */
export const sliceOf = (found: readonly Participant[], first: number): ParticipantsSlice => ({
  participants: found.slice(0, first),
  hasNextPage: found.length > first,
})
