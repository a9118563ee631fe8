import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { connectionJson, ConnectionJson, IceServerJson } from '../rooms/json.ts'
import type { RoomService } from '../rooms/service.ts'
import type { Media } from './connection.ts'

interface MediaRouteDependencies {
  readonly media: Media
  readonly rooms: RoomService
  readonly clock: Clock
}

export const mediaRoutes = ({ media, rooms, clock }: MediaRouteDependencies): Route[] => [
  route({
    method: 'POST',
    path: '/rooms/:id/connection',
    operationId: 'refreshConnection',
    summary: 'A connection like the one from joining, to go on with before that one expires.',
    input: z.strictObject({}),
    success: [200],
    output: ConnectionJson,
    handle: async ({ actor, params }) =>
      jsonReply(connectionJson(await rooms.refreshConnection(actor, params['id'] ?? ''))),
  }),
  route({
    method: 'GET',
    path: '/ice-servers',
    operationId: 'getIceServers',
    summary: 'The STUN and TURN servers, with credentials of yours that expire.',
    input: z.object({}),
    success: [200],
    output: z.array(IceServerJson),
    handle: async ({ actor }) => jsonReply(media.iceServers(actor.id, clock.now())),
  }),
]
