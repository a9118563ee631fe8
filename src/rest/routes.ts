import type { App } from '../app.ts'
import { blockRoutes } from '../blocks/rest.ts'
import { mediaRoutes } from '../media/rest.ts'
import { roomRoutes } from '../rooms/rest.ts'
import type { Route } from './route.ts'

/** Every REST path below the prefix. */
export const routes = (app: Pick<App, 'rooms' | 'blocks' | 'media' | 'clock'>): Route[] => [
  ...roomRoutes(app),
  ...mediaRoutes(app),
  ...blockRoutes(app),
]
