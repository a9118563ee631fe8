import { z } from 'zod'
import { jsonReply, type Route, route } from '../rest/route.ts'
import type { RoomService } from '../rooms/service.ts'
import { connectionJson, ConnectionJson, IceServerJson } from './json.ts'

interface MediaRouteDependencies {
  readonly rooms: RoomService
}

export const mediaRoutes = ({ rooms }: MediaRouteDependencies): Route[] => [
  route({
    method: 'POST',
    path: '/rooms/:id/connection',
    operationId: 'refreshConnection',
    access: 'connect',
    summary: 'A new connection like the one from joining; request it before that one expires.',
    input: z.strictObject({}),
    success: [200],
    output: ConnectionJson,
    handle: async ({ actor, params }) => jsonReply(connectionJson(await rooms.refreshConnection(actor, params.id))),
  }),
  route({
    method: 'GET',
    path: '/ice-servers',
    operationId: 'getIceServers',
    access: 'user',
    summary:
      'STUN servers for every user; TURN servers with temporary credentials only while the user is in a room or invited to one.',
    input: z.object({}),
    success: [200],
    output: z.array(IceServerJson),
    handle: async ({ actor }) => jsonReply(await rooms.iceServers(actor)),
  }),
]
