import { createServer } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer'
import { expressMiddleware } from '@as-integrations/express5'
import { makeExecutableSchema } from '@graphql-tools/schema'
import cors from 'cors'
import express from 'express'
import { PubSub } from 'graphql-subscriptions'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { Calls, createPrisma } from './calls.ts'
import { authenticate, listen } from './environment.ts'
import { baseResolvers, typeDefs, type Viewer } from './schema.ts'

/**
 * Apollo Server with Express, and subscriptions with graphql-ws, as in its documentation. Participants are loaded by
 * Prisma's fluent API, which batches the rooms of a request.
 *
 * @see https://www.apollographql.com/docs/apollo-server/data/subscriptions
 * @see https://www.prisma.io/docs/orm/prisma-client/queries/advanced/query-optimization-performance
 */
const prisma = createPrisma()
const pubsub = new PubSub()
const calls = new Calls(prisma, (roomId, update) => pubsub.publish(`ROOM_UPDATED.${roomId}`, { roomUpdated: update }))
const schema = makeExecutableSchema({
  typeDefs,
  resolvers: {
    ...baseResolvers(prisma, calls),
    Room: {
      participants: ({ id }: { id: string }) =>
        prisma.room.findUnique({ where: { id } }).participants({ orderBy: { ordinal: 'asc' } }),
    },
    Subscription: {
      roomUpdated: {
        subscribe: (_root: unknown, { roomId }: { roomId: string }) =>
          pubsub.asyncIterableIterator(`ROOM_UPDATED.${roomId}`),
      },
    },
  },
})

const app = express()
const httpServer = createServer(app)
const sockets = new WebSocketServer({ server: httpServer, path: '/graphql' })
type Extra = { viewer?: Viewer }
const cleanup = useServer<Record<string, unknown>, Extra>(
  {
    schema,
    onConnect: async ({ connectionParams, extra }) => {
      extra.viewer = { userId: await authenticate(connectionParams?.['authorization']) }
    },
    context: ({ extra }) => extra.viewer,
  },
  sockets,
)
const server = new ApolloServer<Viewer>({
  schema,
  introspection: false,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer }),
    { serverWillStart: async () => ({ drainServer: async () => cleanup.dispose() }) },
  ],
})
await server.start()
app.use(
  '/graphql',
  cors(),
  express.json(),
  expressMiddleware(server, {
    context: async ({ req }) => ({ userId: await authenticate(req.headers.authorization) }),
  }),
)
await listen(httpServer)
