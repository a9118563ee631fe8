import type { GraphQLResolveInfo } from 'graphql'
import { badInput } from '../core/errors.ts'
import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { enumOf } from '../graphql/enum.ts'
import { inTurns } from '../graphql/work.ts'
import type { MediaConnection } from '../media/connection.ts'
import { ConnectionRef, MediaProvider } from '../media/graphql.ts'
import { REJECT_REASONS } from './rules/command.ts'
import {
  CreateRoom,
  INVITED_MAX,
  EXPECT_STREAM,
  EXPECT_STREAM_OF_CREATE,
  MESH,
  InviteParticipants,
  JoinRoom,
  LEAVE_AFTER,
  LeaveRoom,
  Page,
  PAGE_DEFAULT,
  PARTICIPANTS_DEFAULT,
  ParticipantsPage,
  RejectCall,
  requireClientRequestId,
  RoomFilter,
  SESSION_OF_JOIN,
  TransferHost,
  UpdateParticipant,
} from './input.ts'
import {
  END_REASONS,
  hostOf,
  LEAVE_REASONS,
  MEDIA_TYPES,
  PARTICIPANT_ROLES,
  PARTICIPANT_STATES,
  type Participant,
  participantDuration,
  type Room,
  ROOM_ACCESSES,
  ROOM_STATUSES,
  ROOM_TYPES,
  roomDuration,
  type RoomFields,
  type RoomMember,
} from './model.ts'
import { cursorOf, cutPage, inState, pageOf } from './participants-page.ts'

const RoomType = enumOf('RoomType', ROOM_TYPES, 'A call between two, or a room for many.')
const MediaType = enumOf('MediaType', MEDIA_TYPES, 'What the call is about; video includes audio.')
const RoomStatus = enumOf('RoomStatus', ROOM_STATUSES, 'WAITING until a second participant has joined; ENDED for good.')
const RejectReason = enumOf('RejectReason', REJECT_REASONS, 'Why an invitation is declined.')
const RoomAccess = enumOf('RoomAccess', ROOM_ACCESSES, 'Who may join: those invited, or anybody who knows the id.')
const EndReason = enumOf('EndReason', END_REASONS, 'Why a room is over.')
const LeaveReason = enumOf('LeaveReason', LEAVE_REASONS, 'Why a participant is out.')
const ParticipantRole = enumOf('ParticipantRole', PARTICIPANT_ROLES, 'In which capacity somebody is in the room.')
const ParticipantState = enumOf('ParticipantState', PARTICIPANT_STATES, 'Where somebody stands with the room.')

/** A room of a stream brings its participants along and is shown as of its event; a row is shown as of now. */
interface AsOf {
  readonly participants?: readonly Participant[]
  readonly asOf?: Date
}
const asOf = (parent: object): Date | undefined => (parent as AsOf).asOf

export const ParticipantRef = builder.prismaObject('Participant', {
  description: "A user's place in a room, for all of their stays.",
  fields: (t) => ({
    id: t.id({ description: '`<roomId>:<userId>`', resolve: ({ roomId, userId }) => `${roomId}:${userId}` }),
    userId: t.exposeID('userId'),
    role: t.expose('role', { type: ParticipantRole }),
    state: t.expose('state', { type: ParticipantState }),
    audio: t.exposeBoolean('audio'),
    video: t.exposeBoolean('video'),
    connected: t.exposeBoolean('connected'),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', nullable: true }),
    leftAt: t.expose('leftAt', { type: 'DateTime', nullable: true }),
    leaveReason: t.expose('leaveReason', { type: LeaveReason, nullable: true }),
    duration: t.int({
      description: 'Whole seconds of all stays, the present one included.',
      resolve: (participant, _args, { clock }) => participantDuration(participant, asOf(participant) ?? clock.now()),
    }),
    sessionId: t.exposeID('sessionId', {
      nullable: true,
      description: 'The session that holds the seat: each join that is not a repeat begins one. Null unless joined.',
    }),
    lostAt: t.expose('lostAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the connection was lost. The stay ends then, and its duration with it, unless the connection comes back; ' +
        '`leftAt` says when it was given up.',
    }),
  }),
})

export const RoomRef = builder.prismaObject('Room', {
  description: 'A room or call.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUID v7: the same string in REST, GraphQL and SDK.' }),
    type: t.expose('type', { type: RoomType }),
    mediaType: t.expose('mediaType', { type: MediaType }),
    status: t.expose('status', { type: RoomStatus }),
    callerId: t.exposeID('callerId'),
    calleeId: t.exposeID('calleeId', { nullable: true }),
    name: t.exposeString('name', { nullable: true }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true }),
    provider: t.expose('provider', { type: MediaProvider }),
    access: t.expose('access', { type: RoomAccess }),
    maxParticipants: t.exposeInt('maxParticipants'),
    seq: t.exposeInt('seq', { description: "Number of the room's last event: a cursor for `roomUpdated(after:)`." }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true }),
    endReason: t.expose('endReason', { type: EndReason, nullable: true }),
    duration: t.int({
      nullable: true,
      description: 'Whole seconds that the room was, or has been, active; null before.',
      resolve: (room, _args, { clock }) => roomDuration(room as RoomFields, asOf(room) ?? clock.now()),
    }),
    hostId: t.id({
      nullable: true,
      description:
        'Who invites into a GROUP, removes and ends it: the caller, until they hand it over or leave. Null in a call ' +
        'between two.',
      resolve: (room) => hostOf(room as RoomFields),
    }),
    activeUntil: t.expose('activeUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when an ended room was active: `endedAt`, or the loss of the connection that ended it.',
    }),
    participants: t.field({
      type: [ParticipantRef],
      description: 'Everybody who ever had a place in the room, in the order they came.',
      extensions: { size: 'charged' },
      resolve: (room, _args, context, info) => participantsOf(room, context, info),
    }),
    me: t.field({
      type: ParticipantRef,
      nullable: true,
      description: 'Your own place in the room; null for an administrator who has none.',
      extensions: { dependsOnViewer: true },
      resolve(room: AsOf & { id: string }, _args, { actor, reader }) {
        if (!room.participants) return reader.placeOf(room.id)
        const place = room.participants.find(({ userId }) => userId === actor.id)
        return place ? asOfRoom(room, place) : null
      },
    }),
  }),
})

const asOfRoom = (room: AsOf, participant: Participant): Participant & AsOf =>
  room.asOf ? { ...participant, asOf: room.asOf } : participant

/** Without a promise where a stream has them at hand, and they are few. */
function participantsOf(room: AsOf & { id: string }, { reader, work, pacer, lane }: Context, info: GraphQLResolveInfo) {
  const seen = (participants: readonly Participant[]) => {
    work.charge(participants.length, info)
    const places = participants.map((participant) => asOfRoom(room, participant))
    return inTurns(places, () => pacer.turn(lane))
  }
  if (room.participants) return seen(room.participants)
  work.price(info)
  return reader.participantsOf(room.id).then(seen)
}

builder.prismaObjectField(RoomRef, 'participantsPage', (t) =>
  t.connection(
    {
      type: ParticipantRef,
      description: `The room's participants in the order they came, a page at a time; ${PARTICIPANTS_DEFAULT} unless \`first\` says otherwise.`,
      args: {
        state: t.arg({ type: [ParticipantState], description: 'Only participants in one of these states.' }),
      },
      extensions: { size: { page: PARTICIPANTS_DEFAULT } },
      async resolve(room: AsOf & { id: string }, { state, first, after, last, before }, { reader }) {
        if (last !== null && last !== undefined) throw badInput([{ path: 'last', message: 'is not served; use first' }])
        if (before !== null && before !== undefined) {
          throw badInput([{ path: 'before', message: 'is not served; use after' }])
        }
        const query = { roomId: room.id, ...parseInput(ParticipantsPage, { first, after, state }) }
        const { places, hasNextPage } = room.participants
          ? pageOf(room.participants, query)
          : cutPage(await reader.participantsPage(query), query.first)
        const edges = places.map((place) => ({ cursor: cursorOf(place), node: asOfRoom(room, place) }))
        return {
          edges,
          pageInfo: {
            hasNextPage,
            hasPreviousPage: query.after !== undefined,
            startCursor: edges[0]?.cursor ?? null,
            endCursor: edges.at(-1)?.cursor ?? null,
          },
          totalCount: () =>
            room.participants
              ? room.participants.filter(inState(query.state)).length
              : reader.participantCount({ roomId: room.id, state: query.state }),
        }
      },
    },
    {
      name: 'ParticipantConnection',
      description: 'A page of the participants of a room.',
      fields: (connection) => ({
        totalCount: connection.int({
          description: 'Participants in all pages.',
          resolve: ({ totalCount }) => totalCount(),
        }),
      }),
    },
    { name: 'ParticipantEdge' },
  ),
)

const RoomFilterInput = builder.inputType('RoomFilter', {
  description: 'Every condition given must hold.',
  fields: (t) => ({
    status: t.field({ type: RoomStatus }),
    endReason: t.field({ type: EndReason }),
    type: t.field({ type: RoomType }),
    mediaType: t.field({ type: MediaType }),
    peer: t.id({ description: 'A user who has, or had, a place in the room, too.' }),
    from: t.field({ type: 'DateTime', description: 'Created at or after.' }),
    to: t.field({ type: 'DateTime', description: 'Created before.' }),
  }),
})

builder.queryFields((t) => ({
  room: t.field({
    type: RoomRef,
    nullable: true,
    description: 'A room that you are a participant of. NOT_FOUND, FORBIDDEN otherwise.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { rooms, actor }) => rooms.get(actor, id),
  }),
  rooms: t.connection(
    {
      type: RoomRef,
      description: `Your rooms, newest first; ${PAGE_DEFAULT} unless \`first\` or \`last\` says otherwise.`,
      args: { filter: t.arg({ type: RoomFilterInput }) },
      extensions: { size: { page: PAGE_DEFAULT } },
      async resolve(_root, { filter, ...page }, { rooms, actor }) {
        const found = await rooms.list(actor, parseInput(RoomFilter, filter ?? {}), parseInput(Page, page))
        const edges = found.rooms.map((room) => ({ cursor: room.id, node: room }))
        return {
          edges,
          pageInfo: {
            hasNextPage: found.hasNextPage,
            hasPreviousPage: found.hasPreviousPage,
            startCursor: edges[0]?.cursor ?? null,
            endCursor: edges.at(-1)?.cursor ?? null,
          },
        }
      },
    },
    { name: 'RoomConnection' },
    { name: 'RoomEdge' },
  ),
}))

const CreateRoomInput = builder.inputType('CreateRoomInput', {
  fields: (t) => ({
    type: t.field({ type: RoomType, required: true }),
    callerId: t.id({ description: 'You, unless your token has the scope rtc:admin.' }),
    calleeId: t.id({ description: 'Whom to call; required for P2P.' }),
    participantIds: t.idList({ description: 'Whom to invite into a GROUP.' }),
    mediaType: t.field({ type: MediaType, description: 'Defaults to VIDEO.' }),
    name: t.string(),
    metadata: t.field({ type: 'JSON', description: "A JSON object of the application's own, at most 8 KiB." }),
    provider: t.field({ type: MediaProvider, description: "Defaults to the gateway's own choice." }),
    access: t.field({ type: RoomAccess, description: 'Defaults to INVITED.' }),
    maxParticipants: t.int({
      description: 'Seats of a GROUP; defaults to MESH_MAX (6) with provider WEBRTC, else to 50.',
    }),
    expectStream: t.boolean({ description: `${EXPECT_STREAM_OF_CREATE}.` }),
    clientRequestId: t.string({
      description: 'Idempotency key: a repeat answers the same room, `replayed: true`.',
    }),
  }),
})

const CreateRoomPayload = builder.objectRef<{ room: Room; replayed: boolean }>('CreateRoomPayload').implement({
  fields: (t) => ({
    room: t.expose('room', { type: RoomRef }),
    replayed: t.exposeBoolean('replayed', {
      description:
        'The room was there before: the same clientRequestId made it, or your callee is calling you and you joined that ' +
        'call, or you are calling this callee already.',
    }),
  }),
})

const JoinRoomInput = builder.inputType('JoinRoomInput', {
  fields: (t) => ({
    roomId: t.id({ required: true }),
    deviceId: t.id({ description: 'Joining from another device replaces the first.' }),
    sessionId: t.id({ description: `${SESSION_OF_JOIN}.` }),
    expectStream: t.boolean({ description: `${EXPECT_STREAM}.` }),
    mesh: t.boolean({ description: `${MESH}.` }),
    audio: t.boolean({ description: 'Publishing audio; defaults to true.' }),
    video: t.boolean({ description: "Publishing video; defaults to what the room's mediaType says." }),
  }),
})

const JoinRoomPayload = builder.objectRef<RoomMember & { connection: MediaConnection }>('JoinRoomPayload').implement({
  fields: (t) => ({
    room: t.expose('room', { type: RoomRef }),
    participant: t.expose('participant', { type: ParticipantRef }),
    connection: t.expose('connection', { type: ConnectionRef }),
  }),
})

/** The payload of a command about one participant. */
const placePayload = (name: string) =>
  builder.objectRef<RoomMember>(name).implement({
    fields: (t) => ({
      room: t.expose('room', { type: RoomRef }),
      participant: t.expose('participant', { type: ParticipantRef }),
    }),
  })

const LeaveRoomInput = builder.inputType('LeaveRoomInput', {
  fields: (t) => ({
    roomId: t.id({ required: true }),
    deviceId: t.id({ description: 'Only if this device is in the room; by default whichever is.' }),
    sessionId: t.id({ description: 'Only this session: a leave of an earlier one changes nothing.' }),
    after: t.int({ description: `${LEAVE_AFTER}.` }),
  }),
})
const LeaveRoomPayload = placePayload('LeaveRoomPayload')

const EndRoomInput = builder.inputType('EndRoomInput', {
  fields: (t) => ({ roomId: t.id({ required: true }) }),
})
const EndRoomPayload = builder.objectRef<{ room: Room }>('EndRoomPayload').implement({
  fields: (t) => ({ room: t.expose('room', { type: RoomRef }) }),
})

const RejectCallInput = builder.inputType('RejectCallInput', {
  fields: (t) => ({
    roomId: t.id({ required: true }),
    reason: t.field({ type: RejectReason, description: 'Defaults to DECLINED.' }),
  }),
})
const RejectCallPayload = placePayload('RejectCallPayload')

const InviteParticipantsInput = builder.inputType('InviteParticipantsInput', {
  fields: (t) => ({ roomId: t.id({ required: true }), userIds: t.idList({ required: true }) }),
})
const InviteParticipantsPayload = builder
  .objectRef<{ room: Room; invited: Participant[] }>('InviteParticipantsPayload')
  .implement({
    fields: (t) => ({
      room: t.expose('room', { type: RoomRef }),
      participants: t.expose('invited', {
        type: [ParticipantRef],
        description: 'Those of `userIds`, in that order.',
        extensions: { size: INVITED_MAX },
      }),
    }),
  })

const RemoveParticipantInput = builder.inputType('RemoveParticipantInput', {
  fields: (t) => ({ roomId: t.id({ required: true }), userId: t.id({ required: true }) }),
})
const RemoveParticipantPayload = placePayload('RemoveParticipantPayload')

const TransferHostInput = builder.inputType('TransferHostInput', {
  fields: (t) => ({
    roomId: t.id({ required: true }),
    userId: t.id({ required: true, description: 'Who is to host: somebody who has joined.' }),
  }),
})
const TransferHostPayload = placePayload('TransferHostPayload')

const UpdateParticipantInput = builder.inputType('UpdateParticipantInput', {
  fields: (t) => ({
    roomId: t.id({ required: true }),
    audio: t.boolean({ description: 'Publishing audio.' }),
    video: t.boolean({ description: 'Publishing video.' }),
  }),
})
const UpdateParticipantPayload = placePayload('UpdateParticipantPayload')

builder.mutationFields((t) => ({
  createRoom: t.field({
    type: CreateRoomPayload,
    description:
      'Creates a room and invites into it. The creator joins with joinRoom. Calling somebody for whom a call of yours rings ' +
      'already answers that call when mediaType, provider and metadata are the same and your stream was not lost; ' +
      'otherwise that call is cancelled and the new one rings. A call to somebody for whom RINGING_MAX calls ring ends as ' +
      'BUSY.',
    args: { input: t.arg({ type: CreateRoomInput, required: true }) },
    resolve: (_root, { input: { clientRequestId, ...input } }, { rooms, actor }) =>
      rooms.create(actor, parseInput(CreateRoom, input), requireClientRequestId(clientRequestId)),
  }),
  joinRoom: t.field({
    type: JoinRoomPayload,
    description: 'Takes a seat. ROOM_ENDED, NOT_INVITED, ROOM_FULL otherwise.',
    args: { input: t.arg({ type: JoinRoomInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.join(actor, roomId, parseInput(JoinRoom, input)),
  }),
  leaveRoom: t.field({
    type: LeaveRoomPayload,
    description: 'Gives the seat up; a call between two ends with it.',
    args: { input: t.arg({ type: LeaveRoomInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.leave(actor, roomId, parseInput(LeaveRoom, input)),
  }),
  endRoom: t.field({
    type: EndRoomPayload,
    description: 'Ends the room for everybody.',
    args: { input: t.arg({ type: EndRoomInput, required: true }) },
    resolve: async (_root, { input }, { rooms, actor }) => ({ room: await rooms.end(actor, input.roomId) }),
  }),
  rejectCall: t.field({
    type: RejectCallPayload,
    description: 'Declines an invitation; a call between two is over. CONFLICT when it is not open any more.',
    args: { input: t.arg({ type: RejectCallInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.reject(actor, roomId, parseInput(RejectCall, input)),
  }),
  inviteParticipants: t.field({
    type: InviteParticipantsPayload,
    description:
      'Invites into a group of yours; it rings for them, again for whoever missed, rejected, left or was removed.',
    args: { input: t.arg({ type: InviteParticipantsInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.invite(actor, roomId, parseInput(InviteParticipants, input)),
  }),
  removeParticipant: t.field({
    type: RemoveParticipantPayload,
    description: 'Puts somebody out of a group of yours, until you invite them again.',
    args: { input: t.arg({ type: RemoveParticipantInput, required: true }) },
    resolve: (_root, { input }, { rooms, actor }) => rooms.remove(actor, input.roomId, input.userId),
  }),
  transferHost: t.field({
    type: TransferHostPayload,
    description: 'Hands a group of yours to somebody who has joined it. CONFLICT when they are not in it.',
    args: { input: t.arg({ type: TransferHostInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.transferHost(actor, roomId, parseInput(TransferHost, input)),
  }),
  updateParticipant: t.field({
    type: UpdateParticipantPayload,
    description: 'Says what you publish.',
    args: { input: t.arg({ type: UpdateParticipantInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.update(actor, roomId, parseInput(UpdateParticipant, input)),
  }),
}))
