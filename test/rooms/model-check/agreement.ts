import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import {
  apply,
  type Participant,
  participantDuration,
  roomDuration,
  type Room,
  type RoomEvent,
} from '../../../src/rooms/model.ts'
import type { Recorded } from './gateway.ts'
import { deadlineOf, type LoggedEvent, type ModelParticipant, type Room as ModelRoom, sweptAt } from './rules.ts'

/** Asserts that the rows equal the fold of the log, and that both equal the model. */
export function expectAgreement(
  { row, events }: Pick<Recorded, 'row' | 'events'>,
  model: ModelRoom,
  now: number,
): void {
  const fold = events.reduce<Room | null>(apply, null)
  expectSame(
    'seq counts the events',
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
  )
  // A claim changes only the row's deadline, until the claiming node has processed the room.
  expectSame(
    'the rows are the fold of the log',
    model.claimedUntil ? { ...row, deadlineAt: fold?.deadlineAt } : row,
    fold,
  )
  expectSame('the log equals the model', events.map(loggedEvent), model.log)
  expectSame('the rows equal the model', viewOf(row, now), viewOfModel(model, now))
  expectSame('the row has the time of the next sweep', millis(row.deadlineAt), sweptAt(model))
  expectSame('the log has the deadline', millis(fold?.deadlineAt ?? null), deadlineOf(model))
}

/** Asserts deep equality, with the difference in the message. */
export function expectSame(claim: string, actual: unknown, expected: unknown): void {
  // `toStrictEqual` is slow, so it runs only to report a difference.
  // oxlint-disable-next-line vitest/valid-expect -- the second argument is the claim
  if (!isDeepStrictEqual(actual, expected)) expect(actual, claim).toStrictEqual(expected)
}

const millis = (time: Date | null): number | null => time && time.getTime()

const loggedEvent = ({ type, at, subjectId, actorId }: RoomEvent): LoggedEvent => ({
  type,
  at: at.getTime(),
  subjectId,
  actorId,
})

function viewOf(room: Room, now: number) {
  return {
    type: room.type,
    mediaType: room.mediaType,
    access: room.access,
    callerId: room.callerId,
    calleeId: room.calleeId,
    maxParticipants: room.maxParticipants,
    createdBy: room.createdBy,
    key: room.clientRequestId,
    status: room.status,
    seq: room.seq,
    createdAt: millis(room.createdAt),
    startedAt: millis(room.startedAt),
    endedAt: millis(room.endedAt),
    endReason: room.endReason,
    endedBy: room.endedBy,
    hostId: room.hostId,
    reach: room.reach,
    activeUntil: millis(room.activeUntil),
    emptyAt: millis(room.emptyAt),
    expiresAt: millis(room.expiresAt),
    duration: roomDuration(room, new Date(now)),
    participants: room.participants.map((participant) => viewOfParticipant(participant, now)),
  }
}

function viewOfParticipant(participant: Participant, now: number): ModelParticipant & { duration: number } {
  return {
    userId: participant.userId,
    role: participant.role,
    state: participant.state,
    audio: participant.audio,
    video: participant.video,
    connected: participant.connected,
    deviceId: participant.deviceId,
    // The model does not know the room's id.
    sessionId: participant.sessionId?.replace(`${participant.roomId}:`, '#') ?? null,
    joinedAt: millis(participant.joinedAt),
    leftAt: millis(participant.leftAt),
    leaveReason: participant.leaveReason,
    completedMillis: Math.round(participant.completedSeconds * 1000),
    ringsUntil: millis(participant.ringsUntil),
    graceUntil: millis(participant.graceUntil),
    silent: participant.silent ?? false,
    lostAt: millis(participant.lostAt),
    leavesAt: millis(participant.leavesAt),
    mediaLost: participant.mediaLost ?? false,
    reach: participant.reach,
    duration: participantDuration(participant, new Date(now)),
  }
}

function viewOfModel(room: ModelRoom, now: number): ReturnType<typeof viewOf> {
  const { request: _request, nth: _nth, claimedUntil: _claimed, log, participants, ...facts } = room
  return {
    ...facts,
    seq: log.length,
    duration: room.startedAt === null ? null : wholeSeconds((room.activeUntil ?? now) - room.startedAt),
    participants: participants.map((participant) => ({
      ...participant,
      duration: wholeSeconds(
        participant.completedMillis + (participant.state === 'joined' ? currentMembership(participant, now) : 0),
      ),
    })),
  }
}

const currentMembership = ({ joinedAt, lostAt }: ModelParticipant, now: number): number =>
  Math.max(0, (lostAt ?? now) - (joinedAt ?? now))

const wholeSeconds = (milliseconds: number): number => Math.floor(milliseconds / 1000)
