import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { IceServerJson } from '../rooms/json.ts'
import type { Media } from './connection.ts'

export const mediaRoutes = ({ media, clock }: { media: Media; clock: Clock }): Route[] => [
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
