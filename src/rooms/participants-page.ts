import type { Participant, ParticipantState } from './model.ts'
import type { Participants } from './participants.ts'

/** Which participants of a room are asked for. */
export interface ParticipantsFilter {
  readonly roomId: string
  /** Any of these; all when null. */
  readonly state: readonly ParticipantState[] | null
}

export interface ParticipantsQuery extends ParticipantsFilter {
  readonly first: number
  /** The ordinal behind which the page begins. */
  readonly after: number | null
}

export interface ParticipantsSlice {
  readonly participants: readonly Participant[]
  readonly hasNextPage: boolean
}

/** A participant's position in the order in which they came, which never changes. */
export const cursorOf = ({ ordinal }: Participant): string => String(ordinal)

export const inState =
  (states: ParticipantsFilter['state']) =>
  ({ state }: Participant): boolean =>
    states === null || states.includes(state)

/** A page of participants that are at hand. */
export function pageOf(
  participants: Participants | readonly Participant[],
  { state, first, after }: Omit<ParticipantsQuery, 'roomId'>,
): ParticipantsSlice {
  const isAsked = inState(state)
  return sliceOf(
    [...participants].filter((participant) => participant.ordinal > (after ?? -1) && isAsked(participant)),
    first,
  )
}

/** A page out of at least one participant more than it holds, if there are so many. */
export const sliceOf = (found: readonly Participant[], first: number): ParticipantsSlice => ({
  participants: found.slice(0, first),
  hasNextPage: found.length > first,
})
