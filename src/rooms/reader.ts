import DataLoader from 'dataloader'
import type { Actor } from '../core/actor.ts'
import type { EventLog, EventRange } from './event-log.ts'
import type { Participant, RoomEvent } from './model.ts'
import type { ParticipantsFilter, ParticipantsQuery } from './participants-page.ts'
import type { RoomStore } from './store.ts'

/**
 * Parts of rooms by the room's id, without authorisation: for the fields of a room that the reader has been let in to.
 * What several fields of one answer ask for is read by one statement, and nothing is kept.
 */
export interface RoomReader {
  /** @throws RtcError BAD_USER_INPUT for more participants than the answer may still have */
  participantsOf(roomId: string): Promise<readonly Participant[]>
  /** The viewer's own place. */
  viewerParticipant(roomId: string): Promise<Participant | null>
  /** One participant more than asked for, if there is one. */
  participantsPage(query: ParticipantsQuery): Promise<readonly Participant[]>
  participantCount(filter: ParticipantsFilter): Promise<number>
  eventsOf(range: EventRange): Promise<readonly RoomEvent[]>
}

/** A reader for one answer, or for the answers of one subscription. */
export type OpenRoomReader = (answer: { readonly viewer: Actor; readonly itemsLeft: () => number }) => RoomReader

export function createRoomReaders({
  store,
  events,
}: {
  readonly store: Pick<RoomStore, 'participantsOf' | 'participantPages' | 'participantCounts'>
  readonly events: EventLog
}): OpenRoomReader {
  // A subscription's reader lives long: only batching is wanted, an answer kept would be stale.
  const options = { cache: false }
  return ({ viewer, itemsLeft }) => {
    const participants = new DataLoader(async (roomIds: readonly string[]) => {
      const byRoom = await store.participantsOf(roomIds, { limit: itemsLeft() })
      return roomIds.map((id) => byRoom.get(id) ?? [])
    }, options)
    const viewers = new DataLoader(async (roomIds: readonly string[]) => {
      const byRoom = await store.participantsOf(roomIds, { userId: viewer.id })
      return roomIds.map((id) => byRoom.get(id)?.[0] ?? null)
    }, options)
    const pages = new DataLoader((queries: readonly ParticipantsQuery[]) => store.participantPages(queries), options)
    const counts = new DataLoader((filters: readonly ParticipantsFilter[]) => store.participantCounts(filters), options)
    const ranges = new DataLoader((asked: readonly EventRange[]) => events.read(asked), options)
    return {
      participantsOf: (roomId) => participants.load(roomId),
      viewerParticipant: (roomId) => viewers.load(roomId),
      participantsPage: (query) => pages.load(query),
      participantCount: (filter) => counts.load(filter),
      eventsOf: (range) => ranges.load(range),
    }
  }
}
