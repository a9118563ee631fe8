import type { Participant, Room } from '../../src/db/generated/prisma/client.ts'

const SECOND = 1000

/** The REST representation of a room. */
export const roomJson = (room: Room) => ({
  id: room.id,
  type: room.type,
  callerId: room.callerId,
  calleeId: room.calleeId,
  mediaType: room.mediaType,
  status: room.status,
  createdAt: room.createdAt,
  name: room.name,
  metadata: room.metadata,
  provider: room.provider,
  access: room.access,
  maxParticipants: room.maxParticipants,
  seq: room.seq,
  startedAt: room.startedAt,
  endedAt: room.endedAt,
  endReason: room.endReason,
  duration: room.startedAt && wholeSeconds(room.startedAt, room.endedAt ?? new Date()),
  activeUntil: room.activeUntil,
  hostId: room.hostId,
  reach: room.reach,
})

/** The REST representation of a participant. */
export const participantJson = (participant: Participant) => ({
  id: `${participant.roomId}:${participant.userId}`,
  userId: participant.userId,
  uid: participant.ordinal + 1,
  role: participant.role,
  state: participant.state,
  audio: participant.audio,
  video: participant.video,
  connected: participant.connected,
  joinedAt: participant.joinedAt,
  leftAt: participant.leftAt,
  leaveReason: participant.leaveReason,
  duration: Math.floor(participant.completedSeconds),
  sessionId: participant.sessionId,
  lostAt: participant.lostAt,
  reach: participant.reach,
})

const wholeSeconds = (from: Date, to: Date): number => Math.floor((to.getTime() - from.getTime()) / SECOND)
