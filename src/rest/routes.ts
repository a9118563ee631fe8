import type { App } from '../app.ts'
import { blockRoutes } from '../blocks/rest.ts'
import { callEventRoutes } from '../calls/rest.ts'
import { eventRoutes } from '../events/rest.ts'
import type { EventStreams } from '../http/event-stream.ts'
import { mediaRoutes } from '../media/rest.ts'
import { roomRoutes } from '../rooms/rest.ts'
import type { Route } from './route.ts'

/** Every REST path below the prefix. */
export const routes = (
  app: Pick<App, 'rooms' | 'blocks' | 'media' | 'clock' | 'streams' | 'calls' | 'fanOut'>,
  eventStreams: EventStreams,
): Route[] => [
  ...roomRoutes(app),
  ...eventRoutes(app, eventStreams),
  ...callEventRoutes(app, eventStreams),
  ...mediaRoutes(app),
  ...blockRoutes(app),
]
