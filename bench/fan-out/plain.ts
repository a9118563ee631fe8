import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { asMessage, QUERY, type Scene, streamsOf, type Variant } from './variant.ts'

/**
 * The setup of Yoga's documentation: its pub/sub with graphql-ws.
 *
 * @see https://the-guild.dev/graphql/yoga-server/docs/features/subscriptions#graphql-over-websocket-protocol-via-graphql-ws
 */
export async function plain(scene: Scene): Promise<Variant> {
  const pubSub = createPubSub<{ room: [roomId: string, message: ReturnType<typeof asMessage>] }>()
  const yoga = createYoga({
    graphqlEndpoint: '/graphql',
    logging: false,
    schema: createSchema({
      typeDefs: /* GraphQL */ `
        type Participant {
          userId: ID!
          state: String!
          audio: Boolean!
          video: Boolean!
          connected: Boolean!
        }
        type Room {
          id: ID!
          status: String!
          seq: Int!
          participants: [Participant!]!
        }
        type RoomUpdate {
          seq: Int!
          type: String!
          at: String!
          actorId: ID
          participant: Participant
          room: Room!
        }
        type Query {
          ok: Boolean!
        }
        type Subscription {
          roomUpdated(roomId: ID!): RoomUpdate!
        }
      `,
      resolvers: {
        Subscription: {
          roomUpdated: {
            subscribe: (_root, { roomId }: { roomId: string }) => pubSub.subscribe('room', roomId),
            resolve: (message: unknown) => message,
          },
        },
      },
    }),
  })
  const server = createServer((request, response) => void yoga(request, response))
  const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint })
  type Enveloped = { rootValue: ReturnType<typeof yoga.getEnveloped> }
  useServer(
    {
      execute: (args) => (args as unknown as Enveloped).rootValue.execute(args),
      subscribe: (args) => (args as unknown as Enveloped).rootValue.subscribe(args),
      onSubscribe: async (context, _id, params) => {
        const enveloped = yoga.getEnveloped({ ...context, req: context.extra.request, params })
        const { schema, execute, subscribe, contextFactory, parse, validate } = enveloped
        const document = parse(params.query)
        const errors = validate(schema, document)
        if (errors.length > 0) return errors
        return {
          schema,
          operationName: params.operationName,
          document,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        }
      },
    },
    sockets,
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const rooms = streamsOf(scene)
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    sendsSnapshot: false,
    hello: (index) =>
      Promise.resolve([
        JSON.stringify({ type: 'connection_init' }),
        JSON.stringify({
          id: `${String(index).padStart(8, '0')}-bbbb-4ccc-8ddd-eeeeeeeeeeee`,
          type: 'subscribe',
          payload: { query: QUERY, variables: { roomId: rooms[index % rooms.length]?.id } },
        }),
      ]),
    publish(index) {
      const room = rooms[index]
      if (!room) throw new RangeError('no such room')
      const { value } = room.updates.next()
      pubSub.publish('room', room.id, asMessage(value))
      return value.seq
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
