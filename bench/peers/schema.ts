import { GraphQLScalarType } from 'graphql'
import type { PrismaClient } from '../../src/db/generated/prisma/client.ts'
import { type Calls, readableBy } from './calls.ts'
import type { CreateRoomInput, JoinRoomInput, LeaveRoomInput, UpdateParticipantInput } from './inputs.ts'

/** The part of the gateway's schema that the benchmark uses, for servers that are built from SDL. */
export const typeDefs = /* GraphQL */ `
  scalar DateTime
  enum RoomType {
    P2P
    GROUP
  }
  enum MediaType {
    AUDIO
    VIDEO
  }
  enum RoomStatus {
    WAITING
    ACTIVE
    ENDED
  }
  enum RoomAccess {
    INVITED
    LINK
  }
  enum ParticipantRole {
    CALLER
    CALLEE
    MEMBER
    OBSERVER
  }
  enum ParticipantState {
    INVITED
    JOINED
    LEFT
    REJECTED
    MISSED
    REMOVED
  }
  enum RoomEventType {
    ROOM_CREATED
    ROOM_STARTED
    ROOM_ENDED
    PARTICIPANT_JOINED
    PARTICIPANT_LEFT
    PARTICIPANT_UPDATED
  }
  type Participant {
    id: ID!
    userId: ID!
    role: ParticipantRole!
    state: ParticipantState!
    audio: Boolean!
    video: Boolean!
    connected: Boolean!
    joinedAt: DateTime
  }
  type Room {
    id: ID!
    type: RoomType!
    mediaType: MediaType!
    status: RoomStatus!
    callerId: ID!
    calleeId: ID
    name: String
    maxParticipants: Int!
    seq: Int!
    createdAt: DateTime!
    participants: [Participant!]!
  }
  type RoomEdge {
    node: Room!
  }
  type PageInfo {
    hasNextPage: Boolean!
  }
  type RoomConnection {
    edges: [RoomEdge!]!
    pageInfo: PageInfo!
  }
  type RoomUpdate {
    seq: Int!
    type: RoomEventType!
    at: DateTime!
    actorId: ID
    participant: Participant
    room: Room!
  }
  type Query {
    room(id: ID!): Room
    rooms(first: Int!): RoomConnection!
  }
  input CreateRoomInput {
    type: RoomType!
    calleeId: ID
    participantIds: [ID!]
    mediaType: MediaType
    access: RoomAccess
    maxParticipants: Int
  }
  input JoinRoomInput {
    roomId: ID!
    audio: Boolean
    video: Boolean
  }
  input LeaveRoomInput {
    roomId: ID!
  }
  input UpdateParticipantInput {
    roomId: ID!
    audio: Boolean
    video: Boolean
  }
  type CreateRoomPayload {
    room: Room!
  }
  type PlacePayload {
    room: Room!
    participant: Participant!
  }
  type Mutation {
    createRoom(input: CreateRoomInput!): CreateRoomPayload!
    joinRoom(input: JoinRoomInput!): PlacePayload!
    leaveRoom(input: LeaveRoomInput!): PlacePayload!
    updateParticipant(input: UpdateParticipantInput!): PlacePayload!
  }
  type Subscription {
    roomUpdated(roomId: ID!): RoomUpdate!
  }
`

/** The authenticated user. */
export interface Viewer {
  readonly userId: string
}

interface Input<T> {
  readonly input: T
}

/** Resolves a GraphQL enum: upper-case names, database values. */
const enumValues = (...names: string[]) => Object.fromEntries(names.map((name) => [name, name.toLowerCase()]))

/** The resolvers that all peers share: all but participants of rooms and subscriptions. */
export const baseResolvers = (prisma: PrismaClient, calls: Calls) => ({
  DateTime: new GraphQLScalarType<Date, string>({
    name: 'DateTime',
    serialize: (value) => (value as Date).toISOString(),
  }),
  RoomType: enumValues('P2P', 'GROUP'),
  MediaType: enumValues('AUDIO', 'VIDEO'),
  RoomStatus: enumValues('WAITING', 'ACTIVE', 'ENDED'),
  RoomAccess: enumValues('INVITED', 'LINK'),
  ParticipantRole: enumValues('CALLER', 'CALLEE', 'MEMBER', 'OBSERVER'),
  ParticipantState: enumValues('INVITED', 'JOINED', 'LEFT', 'REJECTED', 'MISSED', 'REMOVED'),
  RoomEventType: enumValues(
    'ROOM_CREATED',
    'ROOM_STARTED',
    'ROOM_ENDED',
    'PARTICIPANT_JOINED',
    'PARTICIPANT_LEFT',
    'PARTICIPANT_UPDATED',
  ),
  Participant: {
    id: ({ roomId, userId }: { roomId: string; userId: string }) => `${roomId}:${userId}`,
  },
  Query: {
    room: (_root: unknown, { id }: { id: string }, { userId }: Viewer) =>
      prisma.room.findFirst({ where: { id, ...readableBy(userId) } }),
    async rooms(_root: unknown, { first }: { first: number }, { userId }: Viewer) {
      const rooms = await prisma.room.findMany({ where: readableBy(userId), orderBy: { id: 'desc' }, take: first + 1 })
      return {
        edges: rooms.slice(0, first).map((node) => ({ node })),
        pageInfo: { hasNextPage: rooms.length > first },
      }
    },
  },
  Mutation: {
    createRoom: async (_root: unknown, { input }: Input<CreateRoomInput>, { userId }: Viewer) => ({
      room: await calls.create(userId, input),
    }),
    joinRoom: (_root: unknown, { input }: Input<JoinRoomInput>, { userId }: Viewer) => calls.join(userId, input),
    leaveRoom: (_root: unknown, { input }: Input<LeaveRoomInput>, { userId }: Viewer) => calls.leave(userId, input),
    updateParticipant: (_root: unknown, { input }: Input<UpdateParticipantInput>, { userId }: Viewer) =>
      calls.update(userId, input),
  },
})
