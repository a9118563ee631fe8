import { z } from 'zod'
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
import { memberMutation } from './member-mutation.ts'
import { ParticipantRef } from './participant.ts'
import { MediaType, RoomAccess, RoomRef, RoomType } from './room.ts'

/** Somebody unknown is no bad input: they are no participant. */
const RemoveParticipant = z.object({ userId: z.string() })

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

const EndRoomInput = builder.inputType('EndRoomInput', {
  fields: (t) => ({ roomId: t.id({ required: true }) }),
})
const EndRoomPayload = builder.objectRef<{ room: Room }>('EndRoomPayload').implement({
  fields: (t) => ({ room: t.expose('room', { type: RoomRef }) }),
})

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

builder.mutationFields((t) => ({
  createRoom: t.field({
    type: CreateRoomPayload,
    access: 'create',
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
    access: 'join',
    description: 'Takes a seat. ROOM_ENDED, NOT_INVITED, ROOM_FULL otherwise.',
    args: { input: t.arg({ type: JoinRoomInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.join(actor, roomId, parseInput(JoinRoom, input)),
  }),
  endRoom: t.field({
    type: EndRoomPayload,
    access: 'end',
    description: 'Ends the room for everybody.',
    args: { input: t.arg({ type: EndRoomInput, required: true }) },
    resolve: async (_root, { input }, { rooms, actor }) => ({ room: await rooms.end(actor, input.roomId) }),
  }),
  inviteParticipants: t.field({
    type: InviteParticipantsPayload,
    access: 'invite',
    description:
      'Invites into a group of yours; it rings for them, again for whoever missed, rejected, left or was removed.',
    args: { input: t.arg({ type: InviteParticipantsInput, required: true }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.invite(actor, roomId, parseInput(InviteParticipants, input)),
  }),
}))

memberMutation('leaveRoom', {
  access: 'leave',
  description: 'Gives the seat up; a call between two ends with it.',
  fields: (t) => ({
    deviceId: t.id({ description: 'Only if this device is in the room; by default whichever is.' }),
    sessionId: t.id({ description: 'Only this session: a leave of an earlier one changes nothing.' }),
    after: t.int({ description: `${LEAVE_AFTER}.` }),
  }),
  schema: LeaveRoom,
  run: ({ rooms, actor }, roomId, input) => rooms.leave(actor, roomId, input),
})

memberMutation('rejectCall', {
  access: 'reject',
  description: 'Declines an invitation; a call between two is over. CONFLICT when it is not open any more.',
  fields: (t) => ({ reason: t.field({ type: RejectReason, description: 'Defaults to DECLINED.' }) }),
  schema: RejectCall,
  run: ({ rooms, actor }, roomId, input) => rooms.reject(actor, roomId, input),
})

memberMutation('removeParticipant', {
  access: 'remove',
  description: 'Puts somebody out of a group of yours, until you invite them again.',
  fields: (t) => ({ userId: t.id({ required: true }) }),
  schema: RemoveParticipant,
  run: ({ rooms, actor }, roomId, { userId }) => rooms.remove(actor, roomId, userId),
})

memberMutation('transferHost', {
  access: 'transferHost',
  description: 'Hands a group of yours to somebody who has joined it. CONFLICT when they are not in it.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'Who is to host: somebody who has joined.' }) }),
  schema: TransferHost,
  run: ({ rooms, actor }, roomId, input) => rooms.transferHost(actor, roomId, input),
})

memberMutation('updateParticipant', {
  access: 'update',
  description: 'Says what you publish.',
  fields: (t) => ({
    audio: t.boolean({ description: 'Publishing audio.' }),
    video: t.boolean({ description: 'Publishing video.' }),
  }),
  schema: UpdateParticipant,
  run: ({ rooms, actor }, roomId, input) => rooms.update(actor, roomId, input),
})
