import type { MediaProvider } from '../core/media-provider.ts'
import type { TraceSpan } from '../core/tracer.ts'
import { Participants } from './participants.ts'

export const ROOM_TYPES = ['p2p', 'group'] as const
export const MEDIA_TYPES = ['audio', 'video'] as const
export const ROOM_STATUSES = ['waiting', 'active', 'ended'] as const
export const ROOM_ACCESSES = ['invited', 'link'] as const
export const END_REASONS = [
  'completed',
  'cancelled',
  'rejected',
  'busy',
  'missed',
  'empty',
  'expired',
  'failed',
] as const
export const PARTICIPANT_ROLES = ['caller', 'callee', 'member', 'observer'] as const
export const PARTICIPANT_STATES = ['invited', 'joined', 'left', 'rejected', 'missed', 'removed'] as const
export const LEAVE_REASONS = ['left', 'removed', 'disconnected', 'replaced', 'ended'] as const
/** In ascending order: a ring only ever gets further. */
export const REACHES = ['none', 'pushed', 'connected'] as const
export const ROOM_EVENT_TYPES = [
  'room_created',
  'room_started',
  'room_ended',
  'room_updated',
  'participant_invited',
  'participant_joined',
  'participant_left',
  'participant_rejected',
  'participant_missed',
  'participant_removed',
  'participant_updated',
  'participant_disconnected',
  'participant_reconnected',
] as const

export type RoomType = (typeof ROOM_TYPES)[number]
export type MediaType = (typeof MEDIA_TYPES)[number]
export type RoomStatus = (typeof ROOM_STATUSES)[number]
export type RoomAccess = (typeof ROOM_ACCESSES)[number]
export type EndReason = (typeof END_REASONS)[number]
export type ParticipantRole = (typeof PARTICIPANT_ROLES)[number]
export type ParticipantState = (typeof PARTICIPANT_STATES)[number]
export type LeaveReason = (typeof LEAVE_REASONS)[number]
export type Reach = (typeof REACHES)[number]
export type RoomEventType = (typeof ROOM_EVENT_TYPES)[number]

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
/** A JSON object defined by the application. */
export type Metadata = { [key: string]: Json }

/** The columns of a room's row, described in prisma/schema.prisma. */
export interface RoomFields {
  readonly id: string
  readonly type: RoomType
  readonly mediaType: MediaType
  readonly status: RoomStatus
  readonly callerId: string
  readonly calleeId: string | null
  readonly name: string | null
  readonly metadata: Metadata | null
  readonly provider: MediaProvider
  readonly access: RoomAccess
  readonly maxParticipants: number
  readonly seq: number
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly endReason: EndReason | null
  readonly endedBy: string | null
  readonly emptyAt: Date | null
  readonly expiresAt: Date
  readonly deadlineAt: Date | null
  readonly createdBy: string
  readonly clientRequestId: string | null
  readonly requestHash: string | null
  readonly activeUntil: Date | null
  readonly hostId: string | null
  readonly reach: Reach | null
}

export interface Participant {
  readonly roomId: string
  readonly userId: string
  readonly ordinal: number
  readonly role: ParticipantRole
  readonly state: ParticipantState
  readonly audio: boolean
  readonly video: boolean
  readonly connected: boolean
  readonly deviceId: string | null
  /** The session that holds the seat; null unless joined. */
  readonly sessionId: string | null
  readonly joinedAt: Date | null
  readonly leftAt: Date | null
  readonly leaveReason: LeaveReason | null
  /** Seconds of all completed sessions, to the millisecond. */
  readonly completedSeconds: number
  readonly ringsUntil: Date | null
  readonly graceUntil: Date | null
  /** The invitation does not ring for the user, which the caller cannot see. Null in older rows, which means false. */
  readonly silent: boolean | null
  /** When the stream was lost; null while the participant is connected. */
  readonly lostAt: Date | null
  /** When a delayed leave takes effect; null when none is pending. */
  readonly leavesAt: Date | null
  /** The media service has reported a lost connection. Null in older rows, which means false. */
  readonly mediaLost: boolean | null
  /** How far the last invitation got that rang; null if none did. */
  readonly reach: Reach | null
}

/** The aggregate: the room and all of its participants, former ones included, by ordinal. */
export interface Room extends RoomFields {
  readonly participants: Participants
}

/** A room, and one of its participants. */
export interface RoomMember {
  readonly room: Room
  readonly participant: Participant
}

/** The change of an event: changed fields of the room, and whole rows of changed participants. */
export interface Change {
  readonly room?: Partial<RoomFields>
  readonly participants?: readonly Participant[]
}

export interface RoomEvent {
  readonly roomId: string
  readonly seq: number
  readonly type: RoomEventType
  readonly actorId: string | null
  readonly subjectId: string | null
  readonly data: Change
  readonly at: Date
  /** The span of the command, while the event is in memory; it is not stored. */
  readonly cause?: TraceSpan | undefined
}

/** The spans of the commands that caused the events, each once. */
export function causesOf(events: readonly RoomEvent[]): readonly TraceSpan[] {
  const causes = new Set<TraceSpan>()
  for (const { cause } of events) if (cause) causes.add(cause)
  return [...causes]
}

/** The room after one more event. The room is `null` only before its `room_created`. */
export function apply(room: Room | null, event: RoomEvent): Room {
  const participants = (room?.participants ?? Participants.of([])).with(event.data.participants ?? [])
  return { ...room, ...event.data.room, seq: event.seq, participants } as Room
}

export const findParticipant = (room: Room, userId: string): Participant | undefined => room.participants.get(userId)

/** Whether the room rings for a participant. A p2p call never does for its caller; the caller of a group may be invited. */
export const isRingingFor = ({ type, status }: RoomFields, { state, role, ringsUntil, silent }: Participant): boolean =>
  status !== 'ended' && state === 'invited' && ringsUntil !== null && !silent && (type === 'group' || role !== 'caller')

/**
 * Whether the ring of a participant may still get further. In a group, `reach` stays as it was at the invitation: an event
 * for every device that connects would cost the square of the number of participants.
 */
export const reachMayChange = (room: Room, participant: Participant): boolean =>
  room.type === 'p2p' && isRingingFor(room, participant) && participant.reach !== 'connected'

/**
 * The participant's number in the room, from 1. It identifies them at providers that identify users by 32-bit numbers: it
 * is the same for all memberships, and no other participant of the room ever gets it.
 */
export const uidOf = ({ ordinal }: Pick<Participant, 'ordinal'>): number => ordinal + 1

/** Bound on the participants of one room, former ones included. */
export const ROOM_PARTICIPANTS_MAX = 10_000

/** The host, who may invite into a group, remove from it and end it; null in a call, which has no host. */
export const hostOf = ({ type, hostId, callerId }: Pick<RoomFields, 'type' | 'hostId' | 'callerId'>): string | null =>
  type === 'group' ? (hostId ?? callerId) : null

/** Seconds between two times, to the millisecond. */
export const secondsBetween = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime()) / 1000

/** Whole seconds for which the room was, or has been, `active`; null if it never was. */
export const roomDuration = (room: RoomFields, asOf: Date): number | null =>
  room.startedAt && Math.floor(secondsBetween(room.startedAt, room.activeUntil ?? room.endedAt ?? asOf))

/** Whole seconds of all memberships, including the current one. */
export const participantDuration = (participant: Participant, asOf: Date): number =>
  Math.floor(participant.completedSeconds + currentMembershipSeconds(participant, asOf))

/** Seconds of the current membership, until its stream was lost if it was. */
const currentMembershipSeconds = ({ state, joinedAt, lostAt }: Participant, asOf: Date): number =>
  state === 'joined' && joinedAt ? secondsBetween(joinedAt, lostAt ?? asOf) : 0

/** The row of a user who was not a participant before, with state `invited`. */
export const newParticipant = (
  room: { readonly id: string },
  userId: string,
  {
    silent = false,
    reach = null,
    ...fields
  }: Pick<Participant, 'ordinal' | 'role' | 'ringsUntil'> & {
    readonly silent?: boolean
    readonly reach?: Reach | null
  },
): Participant => ({
  roomId: room.id,
  userId,
  ...fields,
  state: 'invited',
  audio: false,
  video: false,
  connected: false,
  deviceId: null,
  sessionId: null,
  joinedAt: null,
  leftAt: null,
  leaveReason: null,
  completedSeconds: 0,
  graceUntil: null,
  silent,
  lostAt: null,
  leavesAt: null,
  mediaLost: null,
  reach,
})

/** Fields of a participant who is connected. */
export const PRESENT = { connected: true, graceUntil: null, lostAt: null, leavesAt: null, mediaLost: null } as const

/** The row after the participant has left: the membership is added to `completedSeconds`, audio and video are off. */
export const departed = (
  before: Participant,
  state: 'left' | 'removed',
  reason: LeaveReason,
  now: Date,
): Participant => ({
  ...before,
  state,
  connected: false,
  sessionId: null,
  audio: false,
  video: false,
  leftAt: now,
  leaveReason: reason,
  ringsUntil: null,
  graceUntil: null,
  leavesAt: null,
  mediaLost: null,
  completedSeconds: before.completedSeconds + currentMembershipSeconds(before, now),
})
