import DataLoader from 'dataloader'
import type { Actor } from '../core/actor.ts'
import type { EventLog, EventRange } from './event-log.ts'
import type { Participant, RoomEvent } from './model.ts'
import type { ParticipantsFilter, ParticipantsQuery } from './participants-page.ts'
import type { RoomStore } from './store.ts'

/**
 * Loads parts of rooms by room id for the resolvers of a room's fields. It checks no permission: the root field has
 * authorised the viewer. Loads of several fields of one response are batched into one statement; nothing is cached.
 */
export interface RoomReader {
  /** @throws RtcError BAD_USER_INPUT when the response would exceed its bound on items */
  participantsOf(roomId: string): Promise<readonly Participant[]>
  /** The viewer's own participant row. */
  viewerParticipant(roomId: string): Promise<Participant | null>
  /** Up to `first + 1` participants: the extra one tells whether there is a next page. */
  participantsPage(query: ParticipantsQuery): Promise<readonly Participant[]>
  participantCount(filter: ParticipantsFilter): Promise<number>
  eventsOf(range: EventRange): Promise<readonly RoomEvent[]>
}

/** Creates a reader for one response, or for all responses of one subscription. */
export type OpenRoomReader = (answer: { readonly viewer: Actor; readonly itemsLeft: () => number }) => RoomReader

export function createRoomReaders({
  store,
  events,
}: {
  readonly store: Pick<RoomStore, 'participantsOf' | 'participantPages' | 'participantCounts'>
  readonly events: EventLog
}): OpenRoomReader {
  // A subscription's reader is long-lived: cached rows would be stale, so only batching is used.
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
    const ranges = new DataLoader((queries: readonly EventRange[]) => events.read(queries), options)
    return {
      participantsOf: (roomId) => participants.load(roomId),
      viewerParticipant: (roomId) => viewers.load(roomId),
      participantsPage: (query) => pages.load(query),
      participantCount: (filter) => counts.load(filter),
      eventsOf: (range) => ranges.load(range),
    }
  }
}
