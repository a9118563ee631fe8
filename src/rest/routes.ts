import { blockRoutes } from '../blocks/rest.ts'
import type { BlockService } from '../blocks/service.ts'
import type { IncomingCalls } from '../calls/incoming.ts'
import { callEventRoutes } from '../calls/rest.ts'
import type { Clock } from '../core/clock.ts'
import type { Observer } from '../core/observer.ts'
import type { FanOut } from '../events/fan-out.ts'
import { eventRoutes } from '../events/rest.ts'
import type { RoomStreams } from '../events/stream.ts'
import type { EventStreams } from '../http/event-stream.ts'
import { mediaRoutes } from '../media/rest.ts'
import { pushRoutes } from '../push/rest.ts'
import type { PushService } from '../push/service.ts'
import { roomRoutes } from '../rooms/rest.ts'
import type { RoomService } from '../rooms/service.ts'
import type { Route } from './route.ts'

/** The services that the routes call. */
export interface RouteServices {
  readonly rooms: RoomService
  readonly blocks: BlockService
  readonly push: PushService
  readonly calls: IncomingCalls
  readonly streams: RoomStreams
  readonly fanOut: FanOut
  readonly clock: Clock
  readonly observer: Observer
}

/** Every REST path below the prefix. */
export const routes = (services: RouteServices, eventStreams: EventStreams): Route[] => [
  ...roomRoutes(services),
  ...eventRoutes(services, eventStreams),
  ...callEventRoutes(services, eventStreams),
  ...mediaRoutes(services),
  ...blockRoutes(services),
  ...pushRoutes(services),
]
