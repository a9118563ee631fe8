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
    summary: 'A connection like the one from joining, to go on with before that one expires.',
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
      'The STUN servers; and for who is in a room, or rung by one, the TURN servers with credentials of theirs that expire.',
    input: z.object({}),
    success: [200],
    output: z.array(IceServerJson),
    handle: async ({ actor }) => jsonReply(await rooms.iceServers(actor)),
  }),
]
