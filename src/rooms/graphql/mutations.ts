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
import { ParticipantRef, Reach } from './participant.ts'
import { MediaType, RoomAccess, RoomRef, RoomType } from './room.ts'

/** Any string is valid input: an unknown user is not a participant, hence NOT_FOUND. */
const RemoveParticipant = z.object({ userId: z.string() })

const RejectReason = enumOf('RejectReason', REJECT_REASONS, 'The reason for declining an invitation.', {
  declined: 'The user does not want to answer.',
  busy: 'The user is in another call.',
})

const CreateRoomInput = builder.inputType('CreateRoomInput', {
  description: 'Input of createRoom.',
  fields: (t) => ({
    type: t.field({ type: RoomType, required: true, description: 'A call or a group.' }),
    callerId: t.id({ description: 'Defaults to you; another user requires the scope rtc:admin.' }),
    calleeId: t.id({ description: 'The user to call; required for P2P.' }),
    participantIds: t.idList({ description: 'Users to invite into a GROUP.' }),
    mediaType: t.field({ type: MediaType, description: 'Defaults to VIDEO.' }),
    name: t.string({ description: 'A name to show to users.' }),
    metadata: t.field({ type: 'JSON', description: 'A JSON object defined by the application, at most 8 KiB.' }),
    provider: t.field({ type: MediaProvider, description: "Defaults to the gateway's own choice." }),
    access: t.field({ type: RoomAccess, description: 'Defaults to INVITED.' }),
    maxParticipants: t.int({
      description: 'Seats of a GROUP; defaults to MESH_MAX (6) with provider WEBRTC, else to 50.',
    }),
    expectStream: t.boolean({ description: `${EXPECT_STREAM_OF_CREATE}.` }),
    clientRequestId: t.string({
      description: 'Idempotency key: a repeat returns the same room with `replayed: true`.',
    }),
  }),
})

const CreateRoomPayload = builder.objectRef<{ room: Room; replayed: boolean }>('CreateRoomPayload').implement({
  description: 'Payload of createRoom.',
  fields: (t) => ({
    room: t.expose('room', { type: RoomRef, description: 'The created or existing room.' }),
    replayed: t.exposeBoolean('replayed', {
      description:
        'The room existed before: it was created with the same clientRequestId, or your callee is calling you and you ' +
        'joined that call, or you are already calling this callee.',
    }),
    reach: t.field({
      type: Reach,
      nullable: true,
      description: 'In P2P, whether a device of the callee is connected, notified, or neither. Null in a GROUP.',
      resolve: ({ room }) => room.reach,
    }),
  }),
})

const JoinRoomInput = builder.inputType('JoinRoomInput', {
  description: 'Input of joinRoom.',
  fields: (t) => ({
    roomId: t.id({ required: true, description: 'The id of the room.' }),
    deviceId: t.id({ description: 'A join from another device replaces the current one.' }),
    sessionId: t.id({ description: `${SESSION_OF_JOIN}.` }),
    expectStream: t.boolean({ description: `${EXPECT_STREAM}.` }),
    mesh: t.boolean({ description: `${MESH}.` }),
    audio: t.boolean({ description: 'Publishing audio; defaults to true.' }),
    video: t.boolean({ description: "Publishing video; defaults to true if the room's mediaType is VIDEO." }),
  }),
})

const JoinRoomPayload = builder.objectRef<RoomMember & { connection: MediaConnection }>('JoinRoomPayload').implement({
  description: 'Payload of joinRoom.',
  fields: (t) => ({
    room: t.expose('room', { type: RoomRef, description: 'The room after the join.' }),
    participant: t.expose('participant', { type: ParticipantRef, description: 'Your participant row.' }),
    connection: t.expose('connection', { type: ConnectionRef, description: "How to reach the room's media." }),
  }),
})

const EndRoomInput = builder.inputType('EndRoomInput', {
  description: 'Input of endRoom.',
  fields: (t) => ({ roomId: t.id({ required: true, description: 'The id of the room.' }) }),
})
const EndRoomPayload = builder.objectRef<{ room: Room }>('EndRoomPayload').implement({
  description: 'Payload of endRoom.',
  fields: (t) => ({ room: t.expose('room', { type: RoomRef, description: 'The ended room.' }) }),
})

const InviteParticipantsInput = builder.inputType('InviteParticipantsInput', {
  description: 'Input of inviteParticipants.',
  fields: (t) => ({
    roomId: t.id({ required: true, description: 'The id of the room.' }),
    userIds: t.idList({ required: true, description: 'The users to invite.' }),
  }),
})
const InviteParticipantsPayload = builder
  .objectRef<{ room: Room; invited: Participant[] }>('InviteParticipantsPayload')
  .implement({
    description: 'Payload of inviteParticipants.',
    fields: (t) => ({
      room: t.expose('room', { type: RoomRef, description: 'The room after the invitations.' }),
      participants: t.expose('invited', {
        type: [ParticipantRef],
        description: 'The participants of `userIds`, in the same order.',
        extensions: { size: INVITED_MAX },
      }),
    }),
  })

builder.mutationFields((t) => ({
  createRoom: t.field({
    type: CreateRoomPayload,
    access: 'create',
    description:
      'Creates a room and sends the invitations. The creator joins with joinRoom. If a call of yours is already ringing for ' +
      'the callee, it is returned when mediaType, provider and metadata are equal and your stream was not lost; otherwise it ' +
      'is cancelled and the new call rings. If RINGING_MAX calls are ringing for the callee, the new call ends as BUSY. ' +
      'With RING_OFFLINE=fail, a call that can reach no device of the callee is refused with CALLEE_OFFLINE.',
    args: { input: t.arg({ type: CreateRoomInput, required: true, description: 'The room to create.' }) },
    resolve: (_root, { input: { clientRequestId, ...input } }, { rooms, actor }) =>
      rooms.create(actor, parseInput(CreateRoom, input), requireClientRequestId(clientRequestId)),
  }),
  joinRoom: t.field({
    type: JoinRoomPayload,
    access: 'join',
    description: 'Takes a seat. Errors: ROOM_ENDED, NOT_INVITED, ROOM_FULL.',
    args: { input: t.arg({ type: JoinRoomInput, required: true, description: 'The room and the device.' }) },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.join(actor, roomId, parseInput(JoinRoom, input)),
  }),
  endRoom: t.field({
    type: EndRoomPayload,
    access: 'end',
    description: 'Ends the room for all participants.',
    args: { input: t.arg({ type: EndRoomInput, required: true, description: 'The room to end.' }) },
    resolve: async (_root, { input }, { rooms, actor }) => ({ room: await rooms.end(actor, input.roomId) }),
  }),
  inviteParticipants: t.field({
    type: InviteParticipantsPayload,
    access: 'invite',
    description:
      'Invites users into a group that you host. It rings for them, also if they missed, rejected, left or were removed before.',
    args: {
      input: t.arg({ type: InviteParticipantsInput, required: true, description: 'The room and the users.' }),
    },
    resolve: (_root, { input: { roomId, ...input } }, { rooms, actor }) =>
      rooms.invite(actor, roomId, parseInput(InviteParticipants, input)),
  }),
}))

memberMutation('leaveRoom', {
  access: 'leave',
  description: 'Gives up the seat or the invitation; a P2P call ends.',
  fields: (t) => ({
    deviceId: t.id({ description: 'Leave only if this device holds the seat; by default, leave with any device.' }),
    sessionId: t.id({ description: 'Leave only this session; naming an earlier session changes nothing.' }),
    after: t.int({ description: `${LEAVE_AFTER}.` }),
  }),
  schema: LeaveRoom,
  run: ({ rooms, actor }, roomId, input) => rooms.leave(actor, roomId, input),
})

memberMutation('rejectCall', {
  access: 'reject',
  description: 'Declines an invitation; a P2P call ends. CONFLICT if the invitation is no longer open.',
  fields: (t) => ({ reason: t.field({ type: RejectReason, description: 'Defaults to DECLINED.' }) }),
  schema: RejectCall,
  run: ({ rooms, actor }, roomId, input) => rooms.reject(actor, roomId, input),
})

memberMutation('removeParticipant', {
  access: 'remove',
  description: 'Removes a participant from a group that you host, until you invite them again.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The participant to remove.' }) }),
  schema: RemoveParticipant,
  run: ({ rooms, actor }, roomId, { userId }) => rooms.remove(actor, roomId, userId),
})

memberMutation('transferHost', {
  access: 'transferHost',
  description: 'Makes a joined participant the host of your group. CONFLICT if they have not joined.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The new host: a participant who has joined.' }) }),
  schema: TransferHost,
  run: ({ rooms, actor }, roomId, input) => rooms.transferHost(actor, roomId, input),
})

memberMutation('updateParticipant', {
  access: 'update',
  description: 'Changes whether you publish audio and video.',
  fields: (t) => ({
    audio: t.boolean({ description: 'Publishing audio.' }),
    video: t.boolean({ description: 'Publishing video.' }),
  }),
  schema: UpdateParticipant,
  run: ({ rooms, actor }, roomId, input) => rooms.update(actor, roomId, input),
})
