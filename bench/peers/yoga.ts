import { createServer } from 'node:http'
import SchemaBuilder from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createYoga, type YogaInitialContext } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { getDatamodel } from '../../src/db/generated/pothos.ts'
import type PrismaTypes from '../../src/db/generated/pothos.ts'
import {
  MediaType,
  ParticipantRole,
  ParticipantState,
  RoomAccess,
  RoomEventType,
  RoomStatus,
  RoomType,
} from '../../src/db/generated/prisma/enums.ts'
import { Calls, createPrisma, type Place, readableBy, type RoomUpdate } from './calls.ts'
import { authenticate, listen } from './environment.ts'
import type { Viewer } from './schema.ts'

/**
 * Yoga with Pothos and its Prisma plugin, and subscriptions with graphql-ws and Yoga's own pub/sub, as in their
 * documentation.
 *
 * @see https://pothos-graphql.dev/docs/plugins/prisma
 * @see https://the-guild.dev/graphql/yoga-server/docs/features/subscriptions#graphql-over-websocket-protocol-via-graphql-ws
 */
const prisma = createPrisma()
const pubSub = createPubSub<{ room: [roomId: string, update: RoomUpdate] }>()
const calls = new Calls(prisma, (roomId, update) => pubSub.publish('room', roomId, update))

const builder = new SchemaBuilder<{
  PrismaTypes: PrismaTypes
  Context: Viewer
  DefaultFieldNullability: false
  Scalars: { ID: { Input: string; Output: string }; DateTime: { Input: Date; Output: Date } }
}>({
  plugins: [RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  prisma: { client: prisma, dmmf: getDatamodel() },
  relay: {},
})

builder.scalarType('DateTime', { serialize: (date) => date.toISOString() })
const enumOf = <T extends string>(name: string, words: Readonly<Record<string, T>>) =>
  builder.enumType(name, {
    values: Object.fromEntries(Object.values(words).map((word) => [word.toUpperCase(), { value: word }])),
  })
const RoomTypeEnum = enumOf('RoomType', RoomType)
const MediaTypeEnum = enumOf('MediaType', MediaType)
const RoomStatusEnum = enumOf('RoomStatus', RoomStatus)
const RoomAccessEnum = enumOf('RoomAccess', RoomAccess)
const ParticipantRoleEnum = enumOf('ParticipantRole', ParticipantRole)
const ParticipantStateEnum = enumOf('ParticipantState', ParticipantState)
const RoomEventTypeEnum = enumOf('RoomEventType', RoomEventType)

const ParticipantRef = builder.prismaObject('Participant', {
  fields: (t) => ({
    id: t.id({ resolve: ({ roomId, userId }) => `${roomId}:${userId}` }),
    userId: t.exposeID('userId'),
    role: t.expose('role', { type: ParticipantRoleEnum }),
    state: t.expose('state', { type: ParticipantStateEnum }),
    audio: t.exposeBoolean('audio'),
    video: t.exposeBoolean('video'),
    connected: t.exposeBoolean('connected'),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', nullable: true }),
  }),
})
const RoomRef = builder.prismaObject('Room', {
  fields: (t) => ({
    id: t.exposeID('id'),
    type: t.expose('type', { type: RoomTypeEnum }),
    mediaType: t.expose('mediaType', { type: MediaTypeEnum }),
    status: t.expose('status', { type: RoomStatusEnum }),
    callerId: t.exposeID('callerId'),
    calleeId: t.exposeID('calleeId', { nullable: true }),
    name: t.exposeString('name', { nullable: true }),
    maxParticipants: t.exposeInt('maxParticipants'),
    seq: t.exposeInt('seq'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    participants: t.relation('participants', { query: { orderBy: { ordinal: 'asc' } } }),
  }),
})

builder.queryType({
  fields: (t) => ({
    room: t.prismaField({
      type: 'Room',
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      resolve: (query, _root, { id }, { userId }) =>
        prisma.room.findFirst({ ...query, where: { id, ...readableBy(userId) } }),
    }),
    rooms: t.prismaConnection({
      type: 'Room',
      cursor: 'id',
      resolve: (query, _root, _args, { userId }) =>
        prisma.room.findMany({ ...query, where: readableBy(userId), orderBy: { id: 'desc' } }),
    }),
  }),
})

const CreateRoomInput = builder.inputType('CreateRoomInput', {
  fields: (t) => ({
    type: t.field({ type: RoomTypeEnum, required: true }),
    calleeId: t.id(),
    participantIds: t.idList(),
    mediaType: t.field({ type: MediaTypeEnum }),
    access: t.field({ type: RoomAccessEnum }),
    maxParticipants: t.int(),
  }),
})
const seatInput = (name: string) =>
  builder.inputType(name, {
    fields: (t) => ({ roomId: t.id({ required: true }), audio: t.boolean(), video: t.boolean() }),
  })
const JoinRoomInput = seatInput('JoinRoomInput')
const UpdateParticipantInput = seatInput('UpdateParticipantInput')
const LeaveRoomInput = builder.inputType('LeaveRoomInput', {
  fields: (t) => ({ roomId: t.id({ required: true }) }),
})
const CreateRoomPayload = builder.objectRef<Pick<Place, 'room'>>('CreateRoomPayload').implement({
  fields: (t) => ({ room: t.expose('room', { type: RoomRef }) }),
})
const PlacePayload = builder.objectRef<Place>('PlacePayload').implement({
  fields: (t) => ({
    room: t.expose('room', { type: RoomRef }),
    participant: t.expose('participant', { type: ParticipantRef }),
  }),
})

builder.mutationType({
  fields: (t) => ({
    createRoom: t.field({
      type: CreateRoomPayload,
      args: { input: t.arg({ type: CreateRoomInput, required: true }) },
      resolve: async (_root, { input }, { userId }) => {
        const { type, calleeId, participantIds, mediaType, access, maxParticipants } = input
        const room = await calls.create(userId, {
          type,
          calleeId: calleeId ?? null,
          ...(participantIds && { participantIds }),
          ...(mediaType && { mediaType }),
          ...(access && { access }),
          ...(maxParticipants && { maxParticipants }),
        })
        return { room }
      },
    }),
    joinRoom: t.field({
      type: PlacePayload,
      args: { input: t.arg({ type: JoinRoomInput, required: true }) },
      resolve: (_root, { input: { roomId, audio = null, video = null } }, { userId }) =>
        calls.join(userId, { roomId, audio, video }),
    }),
    leaveRoom: t.field({
      type: PlacePayload,
      args: { input: t.arg({ type: LeaveRoomInput, required: true }) },
      resolve: (_root, { input }, { userId }) => calls.leave(userId, input),
    }),
    updateParticipant: t.field({
      type: PlacePayload,
      args: { input: t.arg({ type: UpdateParticipantInput, required: true }) },
      resolve: (_root, { input: { roomId, audio = null, video = null } }, { userId }) =>
        calls.update(userId, { roomId, audio, video }),
    }),
  }),
})

const RoomUpdateRef = builder.objectRef<RoomUpdate>('RoomUpdate').implement({
  fields: (t) => ({
    seq: t.exposeInt('seq'),
    type: t.expose('type', { type: RoomEventTypeEnum }),
    at: t.expose('at', { type: 'DateTime' }),
    actorId: t.exposeID('actorId', { nullable: true }),
    participant: t.expose('participant', { type: ParticipantRef, nullable: true }),
    room: t.expose('room', { type: RoomRef }),
  }),
})

builder.subscriptionType({
  fields: (t) => ({
    roomUpdated: t.field({
      type: RoomUpdateRef,
      args: { roomId: t.arg.id({ required: true }) },
      subscribe: (_root, { roomId }) => pubSub.subscribe('room', roomId),
      resolve: (update: RoomUpdate) => update,
    }),
  }),
})

type Extra = { viewer?: Viewer }
const yoga = createYoga<Record<string, unknown>, Viewer>({
  schema: builder.toSchema(),
  graphiql: false,
  logging: false,
  context: async ({ request, extra }: YogaInitialContext & { extra?: Extra }) =>
    extra?.viewer ?? { userId: await authenticate(request.headers.get('authorization')) },
})
const server = createServer((request, response) => void yoga(request, response))
const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint })
interface Execution {
  readonly execute: ReturnType<typeof yoga.getEnveloped>['execute']
  readonly subscribe: ReturnType<typeof yoga.getEnveloped>['subscribe']
}
useServer<Record<string, unknown>, Extra>(
  {
    execute: (args) => (args.rootValue as Execution).execute(args),
    subscribe: (args) => (args.rootValue as Execution).subscribe(args),
    onConnect: async ({ connectionParams, extra }) => {
      extra.viewer = { userId: await authenticate(connectionParams?.['authorization']) }
    },
    onSubscribe: async (context, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      })
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
await listen(server)
