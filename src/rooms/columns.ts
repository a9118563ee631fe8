import type { AwaitedStream } from './rules/decision.ts'
import type { Participant, RoomEvent, RoomFields } from './model.ts'
import { defineTable } from './table.ts'

/**
 * The columns of the tables that a commit writes. All reads and writes of rows derive from these definitions; a test
 * compares them with prisma/schema.prisma, which describes the columns.
 */

export const ROOMS = defineTable<RoomFields>('Room', {
  id: { type: 'uuid', mutable: false },
  type: { type: 'RoomType', mutable: false },
  mediaType: { type: 'MediaType', mutable: false },
  status: { type: 'RoomStatus', mutable: true },
  callerId: { type: 'text', mutable: false },
  calleeId: { type: 'text', nullable: true, mutable: false },
  name: { type: 'text', nullable: true, mutable: false },
  metadata: { type: 'jsonb', nullable: true, mutable: false },
  provider: { type: 'MediaProvider', mutable: false },
  access: { type: 'RoomAccess', mutable: false },
  maxParticipants: { type: 'integer', mutable: false },
  seq: { type: 'integer', mutable: true },
  createdAt: { type: 'timestamptz(3)', mutable: false },
  startedAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  endedAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  endReason: { type: 'EndReason', nullable: true, mutable: true },
  endedBy: { type: 'text', nullable: true, mutable: true },
  emptyAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  expiresAt: { type: 'timestamptz(3)', mutable: true },
  deadlineAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  createdBy: { type: 'text', mutable: false },
  clientRequestId: { type: 'text', nullable: true, mutable: false },
  requestHash: { type: 'text', nullable: true, mutable: false },
  activeUntil: { type: 'timestamptz(3)', nullable: true, mutable: true },
  hostId: { type: 'text', nullable: true, mutable: true },
  reach: { type: 'Reach', nullable: true, mutable: true },
})

export const PARTICIPANTS = defineTable<Participant>('Participant', {
  roomId: { type: 'uuid', mutable: false },
  userId: { type: 'text', mutable: false },
  ordinal: { type: 'integer', mutable: false },
  role: { type: 'ParticipantRole', mutable: true },
  state: { type: 'ParticipantState', mutable: true },
  audio: { type: 'boolean', mutable: true },
  video: { type: 'boolean', mutable: true },
  connected: { type: 'boolean', mutable: true },
  deviceId: { type: 'text', nullable: true, mutable: true },
  sessionId: { type: 'text', nullable: true, mutable: true },
  joinedAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  leftAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  leaveReason: { type: 'LeaveReason', nullable: true, mutable: true },
  completedSeconds: { type: 'double precision', mutable: true, name: 'stayed' },
  ringsUntil: { type: 'timestamptz(3)', nullable: true, mutable: true },
  graceUntil: { type: 'timestamptz(3)', nullable: true, mutable: true },
  silent: { type: 'boolean', nullable: true, mutable: true },
  lostAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  leavesAt: { type: 'timestamptz(3)', nullable: true, mutable: true },
  mediaLost: { type: 'boolean', nullable: true, mutable: true },
  reach: { type: 'Reach', nullable: true, mutable: true },
})

export const EVENTS = defineTable<Omit<RoomEvent, 'cause'>>('RoomEvent', {
  roomId: { type: 'uuid', mutable: false },
  seq: { type: 'integer', mutable: false },
  type: { type: 'RoomEventType', mutable: false },
  actorId: { type: 'text', nullable: true, mutable: false },
  subjectId: { type: 'text', nullable: true, mutable: false },
  data: { type: 'jsonb', mutable: false },
  at: { type: 'timestamptz(3)', mutable: false },
})

/** The database row: the default device is stored as the empty string. */
export interface AwaitedStreamRow extends Omit<AwaitedStream, 'deviceId'> {
  readonly deviceId: string
}

export const AWAITED_STREAMS = defineTable<AwaitedStreamRow>('AwaitedStream', {
  roomId: { type: 'uuid', mutable: false },
  userId: { type: 'text', mutable: false },
  deviceId: { type: 'text', mutable: true },
  sessionId: { type: 'text', mutable: true },
  since: { type: 'timestamptz(3)', mutable: true },
  until: { type: 'timestamptz(3)', mutable: true },
})
