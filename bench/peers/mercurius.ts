import { makeExecutableSchema } from '@graphql-tools/schema'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import type { Participant, Room } from '../../src/db/generated/prisma/client.ts'
import { Calls, createPrisma, readableBy } from './calls.ts'
import { announce, authenticate } from './environment.ts'
import type { CreateRoomInput } from './inputs.ts'
import { participantJson, roomJson } from './rest.ts'
import { baseResolvers, typeDefs, type Viewer } from './schema.ts'

/**
 * Mercurius on Fastify with just-in-time compilation, loaders for participants, and its own emitter for subscriptions, as
 * in its documentation. The REST paths are Fastify routes that call the same commands.
 *
 * @see https://mercurius.dev/#/docs/loaders
 * @see https://mercurius.dev/#/docs/subscriptions
 */
const app = Fastify()
const prisma = createPrisma()
const calls = new Calls(prisma, (roomId, update) =>
  app.graphql.pubsub.publish({ topic: `ROOM_UPDATED.${roomId}`, payload: { roomUpdated: update } }),
)

await app.register(mercurius, {
  schema: makeExecutableSchema({
    typeDefs,
    resolvers: {
      ...baseResolvers(prisma, calls),
      Subscription: {
        roomUpdated: {
          subscribe: (_root: unknown, { roomId }: { roomId: string }, { pubsub }: { pubsub: mercurius.PubSub }) =>
            pubsub.subscribe(`ROOM_UPDATED.${roomId}`),
        },
      },
    },
  }),
  loaders: {
    Room: {
      async participants(queries: { obj: Room }[]) {
        const participants = await prisma.participant.findMany({
          where: { roomId: { in: queries.map(({ obj }) => obj.id) } },
          orderBy: { ordinal: 'asc' },
        })
        const byRoom = new Map<string, Participant[]>(queries.map(({ obj }) => [obj.id, []]))
        for (const participant of participants) byRoom.get(participant.roomId)?.push(participant)
        return queries.map(({ obj }) => byRoom.get(obj.id) ?? [])
      },
    },
  },
  jit: 1,
  context: async ({ headers }): Promise<Viewer> => ({ userId: await authenticate(headers.authorization) }),
  subscription: {
    onConnect: async ({ payload }: { payload?: { authorization?: string } }) => ({
      userId: await authenticate(payload?.authorization),
    }),
  },
})

interface Path {
  Params: { id: string }
}
const prefix = '/im/api/v1/rtc'
app.post<{ Body: CreateRoomInput }>(`${prefix}/rooms`, async ({ headers, body }, reply) => {
  reply.code(201)
  return roomJson(await calls.create(await authenticate(headers.authorization), body))
})
app.get<Path>(`${prefix}/rooms/:id`, async ({ headers, params: { id } }) => {
  const userId = await authenticate(headers.authorization)
  return roomJson(await prisma.room.findFirstOrThrow({ where: { id, ...readableBy(userId) } }))
})
app.post<Path>(`${prefix}/rooms/:id/join`, async ({ headers, params: { id } }) => {
  const { room, participant } = await calls.join(await authenticate(headers.authorization), { roomId: id })
  return { ...roomJson(room), participant: participantJson(participant) }
})
app.post<Path>(`${prefix}/rooms/:id/leave`, async ({ headers, params: { id } }) => {
  const { room } = await calls.leave(await authenticate(headers.authorization), { roomId: id })
  return roomJson(room)
})

announce(await app.listen({ port: 0, host: '127.0.0.1' }))
