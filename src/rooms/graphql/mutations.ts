import { parseInput } from '../../core/input.ts'
import { builder } from '../../graphql/builder.ts'
import { enumOf } from '../../graphql/enum.ts'
import type { MediaConnection } from '../../media/connection.ts'
import { ConnectionRef, MediaProvider } from '../../media/graphql.ts'
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
  RejectCall,
  requireClientRequestId,
  SESSION_OF_JOIN,
  TransferHost,
  UpdateParticipant,
} from '../input.ts'
import type { Participant, Room, RoomMember } from '../model.ts'
import { REJECT_REASONS } from '../rules/command.ts'
import { ParticipantRef } from './participant.ts'
import { MediaType, RoomAccess, RoomRef, RoomType } from './room.ts'

const RejectReason = enumOf('RejectReason', REJECT_REASONS, 'Why an invitation is declined.')

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
