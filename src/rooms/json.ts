import { z } from 'zod'
import { MEDIA_PROVIDERS } from '../core/media-provider.ts'
import {
  END_REASONS,
  hostOf,
  LEAVE_REASONS,
  MEDIA_TYPES,
  PARTICIPANT_ROLES,
  PARTICIPANT_STATES,
  type Participant,
  participantDuration,
  REACHES,
  ROOM_ACCESSES,
  ROOM_STATUSES,
  ROOM_TYPES,
  roomDuration,
  type RoomFields,
  uidOf,
} from './model.ts'

/** Bodies of REST responses: every field is present, absent values are null, times are ISO 8601 in UTC. */

const time = z.iso.datetime()

const REACH = 'to a connected device, to a push service, or to none'

export const RoomJson = z.object({
  id: z.uuid(),
  type: z.enum(ROOM_TYPES),
  callerId: z.string(),
  calleeId: z.string().nullable(),
  mediaType: z.enum(MEDIA_TYPES),
  status: z.enum(ROOM_STATUSES),
  createdAt: time,
  name: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  provider: z.enum(MEDIA_PROVIDERS),
  access: z.enum(ROOM_ACCESSES),
  maxParticipants: z.int(),
  seq: z.int(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  endReason: z.enum(END_REASONS).nullable(),
  duration: z.int().nullable().describe('Whole seconds for which the room was, or has been, active'),
  activeUntil: time
    .nullable()
    .describe(
      'When an ended room stopped being active: endedAt, or the time at which the connection was lost that ended it',
    ),
  hostId: z
    .string()
    .nullable()
    .describe('The participant who may invite into a group, remove from it and end it; null in p2p'),
  reach: z.enum(REACHES).nullable().describe(`In p2p, reach of the callee: ${REACH}; null in a group`),
})

export const ParticipantJson = z.object({
  id: z.string().describe('<roomId>:<userId>'),
  userId: z.string(),
  uid: z.int().describe('The number of the participant in the room, from 1; their uid at provider agora'),
  role: z.enum(PARTICIPANT_ROLES),
  state: z.enum(PARTICIPANT_STATES),
  audio: z.boolean(),
  video: z.boolean(),
  connected: z.boolean(),
  joinedAt: time.nullable(),
  leftAt: time.nullable(),
  leaveReason: z.enum(LEAVE_REASONS).nullable(),
  duration: z.int().describe('Whole seconds of all memberships, including the current one'),
  sessionId: z.string().nullable().describe('The session that holds the seat; null unless joined'),
  lostAt: time
    .nullable()
    .describe('When the connection was lost; the membership ends at this time unless the connection is restored'),
  reach: z.enum(REACHES).nullable().describe(`How far the last invitation got that rang: ${REACH}; null if none rang`),
})

export const roomJson = (room: RoomFields, now: Date): z.input<typeof RoomJson> => ({
  id: room.id,
  type: room.type,
  callerId: room.callerId,
  calleeId: room.calleeId,
  mediaType: room.mediaType,
  status: room.status,
  createdAt: room.createdAt.toISOString(),
  name: room.name,
  metadata: room.metadata,
  provider: room.provider,
  access: room.access,
  maxParticipants: room.maxParticipants,
  seq: room.seq,
  startedAt: room.startedAt?.toISOString() ?? null,
  endedAt: room.endedAt?.toISOString() ?? null,
  endReason: room.endReason,
  duration: roomDuration(room, now),
  activeUntil: room.activeUntil?.toISOString() ?? null,
  hostId: hostOf(room),
  reach: room.reach,
})

export const participantJson = (participant: Participant, now: Date): z.input<typeof ParticipantJson> => ({
  id: `${participant.roomId}:${participant.userId}`,
  userId: participant.userId,
  uid: uidOf(participant),
  role: participant.role,
  state: participant.state,
  audio: participant.audio,
  video: participant.video,
  connected: participant.connected,
  joinedAt: participant.joinedAt?.toISOString() ?? null,
  leftAt: participant.leftAt?.toISOString() ?? null,
  leaveReason: participant.leaveReason,
  duration: participantDuration(participant, now),
  sessionId: participant.sessionId,
  lostAt: participant.lostAt?.toISOString() ?? null,
  reach: participant.reach,
})
