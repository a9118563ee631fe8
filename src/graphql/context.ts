import DataLoader from 'dataloader'
import type { BlockService } from '../blocks/service.ts'
import type { IncomingCalls } from '../calls/incoming.ts'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'
import type { Outlet } from '../events/delivery.ts'
import type { FanOut } from '../events/fan-out.ts'
import type { Stretch } from '../events/log.ts'
import type { RoomStreams } from '../events/stream.ts'
import type { Media } from '../media/connection.ts'
import type { Participant, RoomEvent } from '../rooms/model.ts'
import type { RoomService } from '../rooms/service.ts'
import type { Signals } from '../signals/service.ts'

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

export interface Context extends Services {
  readonly actor: Actor
  /** Present on connections that stay open: where the operation's messages go. */
  readonly outlet: Outlet | undefined
  /** Rows asked for by several fields of one answer are read by one statement. */
  readonly batch: {
    readonly participants: DataLoader<string, readonly Participant[]>
    readonly events: DataLoader<Stretch, readonly RoomEvent[]>
  }
}

export function createContext(services: Services, actor: Actor, outlet?: Outlet): Context {
  const { rooms } = services
  // A subscription's context lives long: only batching is wanted, an answer kept would be stale.
  const options = { cache: false }
  return {
    ...services,
    actor,
    outlet,
    batch: {
      participants: new DataLoader(async (ids) => {
        const byRoom = await rooms.participantsOf(ids)
        return ids.map((id) => byRoom.get(id) ?? [])
      }, options),
      events: new DataLoader((stretches) => rooms.eventsOf(stretches), options),
    },
  }
}
