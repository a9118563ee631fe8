import { parseInput } from '../core/input.ts'
import { CONNECTION_KINDS } from '../core/connections.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { PAGE_DEFAULT } from '../rooms/input.ts'
import { RoomConnectionRef, RoomStatus, RoomType } from '../rooms/graphql/room.ts'
import { AUDIT_ACTIONS, type AuditEntry } from './audit.ts'
import { AdminRoomFilter, AuditLogFilter, ForwardPage, RoomsOf, SomeUser } from './input.ts'
import { END_MAX, type EndedRooms, type ItemPage, type UserSessions } from './service.ts'
import type { GatewayNode, Overview, UserLease, UserSeat } from './store.ts'
import type { UserConnection, UserConnectionsReport } from './user-connections.ts'

/** The administration: every root field requires the scope rtc:admin. */

const ADMIN = 'Requires the scope rtc:admin.'

const ConnectionKind = enumOf('ConnectionKind', CONNECTION_KINDS, 'A kind of long-lived connection.', {
  websocket: 'A WebSocket.',
  event_stream: 'A stream of server-sent events.',
})

const UserConnectionRef = builder.objectRef<UserConnection>('UserConnection').implement({
  description: 'A long-lived connection of a user at a node.',
  fields: (t) => ({
    nodeId: t.exposeID('nodeId', { description: 'The node that holds the connection.' }),
    kind: t.field({
      type: ConnectionKind,
      description: 'The kind of connection.',
      resolve: ({ kind }) => (kind === 'websocket' ? 'websocket' : 'event_stream'),
    }),
    openedAt: t.expose('openedAt', { type: 'DateTime', description: 'Since when, by the clock of the node.' }),
  }),
})

const UserSeatRef = builder.objectRef<UserSeat>('UserSeat').implement({
  description: 'A seat of a user in a live room.',
  fields: (t) => ({
    roomId: t.exposeID('roomId', { description: 'The id of the room.' }),
    sessionId: t.exposeID('sessionId', { nullable: true, description: 'The session that holds the seat.' }),
    deviceId: t.exposeID('deviceId', { nullable: true, description: 'The device that joined.' }),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', nullable: true, description: 'When the session began.' }),
    connected: t.exposeBoolean('connected', { description: 'False while the grace of a lost stream runs.' }),
  }),
})

const UserLeaseRef = builder.objectRef<UserLease>('UserLease').implement({
  description: "A live stream at a node that proves a user's presence in a room.",
  fields: (t) => ({
    roomId: t.exposeID('roomId', { description: 'The id of the room.' }),
    deviceId: t.exposeID('deviceId', { nullable: true, description: 'The device that the stream names.' }),
    nodeId: t.exposeID('nodeId', { description: 'The node that serves the stream.' }),
  }),
})

const UserSessionsRef = builder.objectRef<UserSessions>('UserSessions').implement({
  description: 'What a user holds at all nodes.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The id of the user.' }),
    connections: t.field({
      type: [UserConnectionRef],
      description: 'WebSockets and event streams, as the nodes report them.',
      extensions: { size: 20 },
      resolve: ({ connections }) => [...connections],
    }),
    seats: t.field({
      type: [UserSeatRef],
      description: 'The live rooms that the user has joined, newest first; at most 100.',
      extensions: { size: 20 },
      resolve: ({ seats }) => [...seats],
    }),
    leases: t.field({
      type: [UserLeaseRef],
      description: 'The streams that prove presence in these rooms; at most 100.',
      extensions: { size: 20 },
      resolve: ({ leases }) => [...leases],
    }),
    missingNodes: t.idList({
      description: 'Live nodes that did not answer within a second; their connections are not listed.',
      extensions: { size: 1 },
      resolve: ({ missing }) => [...missing],
    }),
  }),
})

const GatewayNodeRef = builder.objectRef<GatewayNode>('GatewayNode').implement({
  description: 'A gateway process, as of its last heartbeat. Figures are null for a node of an older version.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the process, new at every start.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When the process started.' }),
    seenAt: t.expose('seenAt', { type: 'DateTime', description: 'The last heartbeat, by the clock of the database.' }),
    alive: t.exposeBoolean('alive', { description: 'Whether the last heartbeat is recent.' }),
    sockets: t.int({
      nullable: true,
      description: 'Open WebSockets.',
      resolve: ({ figures }) => figures?.sockets ?? null,
    }),
    eventStreams: t.int({
      nullable: true,
      description: 'Open streams of server-sent events.',
      resolve: ({ figures }) => figures?.eventStreams ?? null,
    }),
    users: t.int({
      nullable: true,
      description: 'Users with at least one connection.',
      resolve: ({ figures }) => figures?.users ?? null,
    }),
    rooms: t.int({
      nullable: true,
      description: 'Rooms with subscribers at this node.',
      resolve: ({ figures }) => figures?.rooms ?? null,
    }),
    eventLoopDelay: t.float({
      nullable: true,
      description:
        'The 99th percentile of the delays of the event loop between the last two heartbeats, in milliseconds.',
      resolve: ({ figures }) => figures?.eventLoopDelay ?? null,
    }),
    memory: t.int({
      nullable: true,
      description: 'Resident memory, in MiB.',
      resolve: ({ figures }) => figures?.memory ?? null,
    }),
  }),
})

const OverviewRef = builder.objectRef<Overview>('AdminOverview').implement({
  description: 'The state of the whole gateway.',
  fields: (t) => ({
    waiting: t.exposeInt('waiting', { description: 'Rooms that are WAITING.' }),
    active: t.exposeInt('active', { description: 'Rooms that are ACTIVE.' }),
    lag: t.exposeFloat('lag', {
      description: 'Seconds since the earliest deadline that has passed and was not processed; 0 if there is none.',
    }),
  }),
})

const AuditAction = enumOf('AuditAction', AUDIT_ACTIONS, 'What an administrator did.', {
  end_room: 'Ended a room without being a participant.',
  remove_participant: 'Removed a participant from a group without being a participant.',
  transfer_host: 'Made another participant the host without being a participant.',
  disconnect_user: 'Closed all connections of a user.',
  end_all_rooms: 'Ended the live rooms of a user.',
  export_user: 'Read everything that is stored of a user.',
  erase_user: "Erased a user's data.",
  change_webhooks: 'Changed a webhook endpoint, or sent messages to it again.',
})

const AuditEntryRef = builder.objectRef<AuditEntry>('AuditEntry').implement({
  description: 'An action of an administrator.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the entry.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was done.' }),
    actorId: t.exposeID('actorId', { description: 'The administrator.' }),
    action: t.expose('action', { type: AuditAction, description: 'What was done.' }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'A hash of the id of the user concerned; find the entries of a user by `filter: {userId}`.',
    }),
    roomId: t.exposeID('roomId', { nullable: true, description: 'The room concerned, which may no longer exist.' }),
  }),
})

const AdminRoomFilterInput = builder.inputType('AdminRoomFilter', {
  description: 'Conditions, combined with AND.',
  fields: (t) => ({
    status: t.field({ type: RoomStatus, description: 'Only rooms with this status.' }),
    type: t.field({ type: RoomType, description: 'Only rooms of this type.' }),
    userId: t.id({ description: 'A user who is, or was, a participant, also if they were removed.' }),
    since: t.field({ type: 'DateTime', description: 'Created at or after.' }),
  }),
})

const AuditLogFilterInput = builder.inputType('AuditLogFilter', {
  description: 'Conditions, combined with AND.',
  fields: (t) => ({
    action: t.field({ type: AuditAction, description: 'Only this action.' }),
    actorId: t.id({ description: 'Only actions of this administrator.' }),
    userId: t.id({ description: 'Only actions that concern this user.' }),
    since: t.field({ type: 'DateTime', description: 'At or after.' }),
  }),
})

const DisconnectUserInput = builder.inputType('DisconnectUserInput', {
  description: 'Input of disconnectUser.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user whose connections shall be closed.' }) }),
})
const DisconnectUserPayload = builder
  .objectRef<UserConnectionsReport & { userId: string }>('DisconnectUserPayload')
  .implement({
    description: 'Payload of disconnectUser.',
    fields: (t) => ({
      userId: t.exposeID('userId', { description: 'The id of the user.' }),
      connections: t.field({
        type: [UserConnectionRef],
        description: 'The connections that were closed.',
        extensions: { size: 20 },
        resolve: ({ connections }) => [...connections],
      }),
      missingNodes: t.idList({
        description: 'Live nodes that did not answer within a second; they close the connections within seconds.',
        extensions: { size: 1 },
        resolve: ({ missing }) => [...missing],
      }),
    }),
  })

const EndAllRoomsInput = builder.inputType('EndAllRoomsInput', {
  description: 'Input of endAllRooms.',
  fields: (t) => ({
    of: t.id({ required: true, description: 'The user whose calls, and whose groups as host, shall end.' }),
  }),
})
const EndAllRoomsPayload = builder.objectRef<EndedRooms>('EndAllRoomsPayload').implement({
  description: 'Payload of endAllRooms.',
  fields: (t) => ({
    roomIds: t.idList({
      description: `The rooms that were ended, oldest first; at most ${END_MAX}.`,
      extensions: { size: 1 },
      resolve: ({ roomIds }) => [...roomIds],
    }),
    hasMore: t.exposeBoolean('hasMore', { description: 'The user has more live rooms: call endAllRooms again.' }),
  }),
})

/** Edges whose cursors are the ids of the items. */
function connectionOf<Item extends { readonly id: string }>({ items, hasNextPage }: ItemPage<Item>, after: unknown) {
  const edges = items.map((node) => ({ cursor: node.id, node }))
  const [startCursor, endCursor] = [edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null]
  return { edges, pageInfo: { hasNextPage, hasPreviousPage: Boolean(after), startCursor, endCursor } }
}

const FORWARD = {
  first: { description: `The maximum number of items, from 1 to 100; ${PAGE_DEFAULT} by default.` },
  after: { description: 'Return items after this cursor.' },
}

builder.queryFields((t) => ({
  adminRooms: t.field({
    type: RoomConnectionRef,
    access: 'admin',
    description: `Rooms of all users, newest first. ${ADMIN}`,
    args: {
      filter: t.arg({ type: AdminRoomFilterInput, description: 'Conditions on the rooms.' }),
      first: t.arg.int(FORWARD.first),
      after: t.arg.string(FORWARD.after),
    },
    extensions: { size: { page: PAGE_DEFAULT } },
    async resolve(_root, { filter, ...page }, { admin, actor }) {
      const rooms = await admin.rooms(actor, parseInput(AdminRoomFilter, filter ?? {}), parseInput(ForwardPage, page))
      return connectionOf(rooms, page.after)
    },
  }),
  adminUserSessions: t.field({
    type: UserSessionsRef,
    access: 'admin',
    description: `The connections, seats and leases of a user at all nodes. ${ADMIN}`,
    args: { userId: t.arg.id({ required: true, description: 'The id of the user.' }) },
    resolve: (_root, input, { admin, actor }) => admin.userSessions(actor, parseInput(SomeUser, input).userId),
  }),
  nodes: t.field({
    type: [GatewayNodeRef],
    access: 'admin',
    description: `The nodes, newest first; at most 100. ${ADMIN}`,
    extensions: { size: 20 },
    resolve: async (_root, _args, { admin, actor }) => [...(await admin.nodes(actor))],
  }),
  adminOverview: t.field({
    type: OverviewRef,
    access: 'admin',
    description: `The state of the whole gateway. ${ADMIN}`,
    resolve: (_root, _args, { admin, actor }) => admin.overview(actor),
  }),
  auditLog: t.connection(
    {
      type: AuditEntryRef,
      access: 'admin',
      description: `What administrators did, newest first; ${PAGE_DEFAULT} unless \`first\` is given. Pages forward only. ${ADMIN}`,
      args: { filter: t.arg({ type: AuditLogFilterInput, description: 'Conditions on the entries.' }) },
      extensions: { size: { page: PAGE_DEFAULT } },
      async resolve(_root, { filter, first, after }, { admin, actor }) {
        const page = parseInput(ForwardPage, { first, after })
        return connectionOf(await admin.auditLog(actor, parseInput(AuditLogFilter, filter ?? {}), page), after)
      },
    },
    { name: 'AuditEntryConnection' },
    { name: 'AuditEntryEdge' },
  ),
}))

builder.mutationFields((t) => ({
  disconnectUser: t.field({
    type: DisconnectUserPayload,
    access: 'admin',
    description:
      'Closes all WebSockets (with 4403) and event streams of a user, at every node. It is no ban: the user may connect ' +
      `again with a valid token. ${ADMIN}`,
    args: { input: t.arg({ type: DisconnectUserInput, required: true, description: 'The user to disconnect.' }) },
    async resolve(_root, { input }, { admin, actor }) {
      const { userId } = parseInput(SomeUser, input)
      return { userId, ...(await admin.disconnectUser(actor, userId)) }
    },
  }),
  endAllRooms: t.field({
    type: EndAllRoomsPayload,
    access: 'admin',
    description: `Ends the live calls of a user, and the live groups that the user hosts. ${ADMIN}`,
    args: { input: t.arg({ type: EndAllRoomsInput, required: true, description: 'Whose rooms shall end.' }) },
    resolve: (_root, { input }, { admin, actor }) => admin.endAllRooms(actor, parseInput(RoomsOf, input).of),
  }),
}))
