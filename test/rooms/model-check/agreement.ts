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
import { deadlineOf, type Happening, type Place, type Room as ModelRoom, wakesAt } from './rules.ts'

/** Claims that the rows are the fold of the log from its first event, and that both are what the rules say. */
export function expectAgreement(
  { row, events }: Pick<Recorded, 'row' | 'events'>,
  model: ModelRoom,
  now: number,
): void {
  const fold = events.reduce<Room | null>(apply, null)
  same(
    'seq counts the events',
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
  )
  // A claim moves the row's deadline alone, until whoever holds it is done.
  same('the rows are the fold of the log', model.claimedUntil ? { ...row, deadlineAt: fold?.deadlineAt } : row, fold)
  same('the log is what happened', events.map(happeningOf), model.log)
  same('the rows are what the rules say', viewOf(row, now), viewOfModel(model, now))
  same('the row wakes the sweeper in time', millis(row.deadlineAt), wakesAt(model))
  same('the log knows the deadline', millis(fold?.deadlineAt ?? null), deadlineOf(model))
}

/** Fails with both sides' difference and what they should have been. */
export function same(claim: string, actual: unknown, expected: unknown): void {
  // The assertion is slow, and nearly always unnecessary.
  // oxlint-disable-next-line vitest/valid-expect -- the second argument is the claim
  if (!isDeepStrictEqual(actual, expected)) expect(actual, claim).toStrictEqual(expected)
}

const millis = (time: Date | null): number | null => time && time.getTime()

const happeningOf = ({ type, at, subjectId, actorId }: RoomEvent): Happening => ({
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
    activeUntil: millis(room.activeUntil),
    emptyAt: millis(room.emptyAt),
    expiresAt: millis(room.expiresAt),
    duration: roomDuration(room, new Date(now)),
    places: room.participants.map((participant) => placeOf(participant, now)),
  }
}

function placeOf(participant: Participant, now: number): Place & { duration: number } {
  return {
    userId: participant.userId,
    role: participant.role,
    state: participant.state,
    audio: participant.audio,
    video: participant.video,
    connected: participant.connected,
    deviceId: participant.deviceId,
    // The rules do not know the room's id.
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
    duration: participantDuration(participant, new Date(now)),
  }
}

function viewOfModel(room: ModelRoom, now: number): ReturnType<typeof viewOf> {
  const { request: _request, nth: _nth, claimedUntil: _claimed, log, places, ...facts } = room
  return {
    ...facts,
    seq: log.length,
    duration: room.startedAt === null ? null : wholeSeconds((room.activeUntil ?? now) - room.startedAt),
    places: places.map((place) => ({
      ...place,
      duration: wholeSeconds(place.completedMillis + (place.state === 'joined' ? staySoFar(place, now) : 0)),
    })),
  }
}

const staySoFar = ({ joinedAt, lostAt }: Place, now: number): number => Math.max(0, (lostAt ?? now) - (joinedAt ?? now))

const wholeSeconds = (milliseconds: number): number => Math.floor(milliseconds / 1000)
