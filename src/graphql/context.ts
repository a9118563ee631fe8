import DataLoader from 'dataloader'
import type { BlockService } from '../blocks/service.ts'
import type { IncomingCalls } from '../calls/incoming.ts'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import type { Pacer } from '../core/pacer.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'
import type { DeliverySink } from '../events/delivery.ts'
import type { FanOut } from '../events/fan-out.ts'
import type { RoomStreams } from '../events/stream.ts'
import type { Media } from '../media/connection.ts'
import type { Participant, RoomEvent } from '../rooms/model.ts'
import type { EventRange, ParticipantsFilter, ParticipantsQuery, RoomService } from '../rooms/service.ts'
import type { Signals } from '../signals/service.ts'
import { Work } from './work.ts'

/** What the resolvers work with. */
export interface Services {
  readonly prisma: PrismaClient
  readonly rooms: RoomService
  readonly blocks: BlockService
  readonly streams: RoomStreams
  readonly calls: IncomingCalls
  readonly signals: Signals
  readonly media: Media
  readonly clock: Clock
  readonly slices: TimeSlices
  readonly fanOut: FanOut
}

/** What the engine adds to them. */
export interface ContextDependencies extends Services {
  readonly pacer: Pacer
}

export interface Context extends ContextDependencies {
  readonly actor: Actor
  /** Whose turns of the event loop long lists take: see {@link Pacer}. */
  readonly lane: string
  /** Present on connections that stay open: where the operation's messages go. */
  readonly sink: DeliverySink | undefined
  /** What this answer may still have. */
  readonly work: Work
  /** Rows asked for by several fields of one answer are read by one statement. */
  readonly batch: {
    readonly participants: DataLoader<string, readonly Participant[]>
    /** The viewer's own places. */
    readonly places: DataLoader<string, Participant | null>
    readonly pages: DataLoader<ParticipantsQuery, readonly Participant[]>
    readonly counts: DataLoader<ParticipantsFilter, number>
    readonly events: DataLoader<EventRange, readonly RoomEvent[]>
  }
}

/** The context of one execution; batches of a subscription's executions may be shared. */
export function createContext(
  dependencies: ContextDependencies,
  { actor, lane, sink }: { readonly actor: Actor; readonly lane: string; readonly sink?: DeliverySink | undefined },
): Context {
  const { rooms } = dependencies
  // A subscription's context lives long: only batching is wanted, an answer kept would be stale.
  const options = { cache: false }
  const work = new Work()
  return {
    ...dependencies,
    actor,
    lane,
    sink,
    work,
    batch: {
      participants: new DataLoader(async (ids) => {
        const byRoom = await rooms.participantsOf(ids, { limit: work.itemsLeft })
        return ids.map((id) => byRoom.get(id) ?? [])
      }, options),
      places: new DataLoader(async (ids) => {
        const byRoom = await rooms.participantsOf(ids, { userId: actor.id })
        return ids.map((id) => byRoom.get(id)?.[0] ?? null)
      }, options),
      pages: new DataLoader((queries) => rooms.participantPages(queries), options),
      counts: new DataLoader((filters) => rooms.participantCounts(filters), options),
      events: new DataLoader((ranges) => rooms.eventsOf(ranges), options),
    },
  }
}
