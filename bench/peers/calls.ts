import { PrismaPg } from '@prisma/adapter-pg'
import { v7 } from 'uuid'
import { type Participant, type Prisma, PrismaClient, type Room } from '../../src/db/generated/prisma/client.ts'
import type { CreateRoomInput, JoinRoomInput, LeaveRoomInput, UpdateParticipantInput } from './inputs.ts'
import { DATABASE_URL, POOL } from './environment.ts'

export const createPrisma = (): PrismaClient =>
  new PrismaClient({
    adapter: new PrismaPg({ connectionString: DATABASE_URL, max: POOL }),
    // The defaults, 2 and 5 seconds, are too short when many transactions wait for the same room.
    transactionOptions: { maxWait: 60_000, timeout: 60_000 },
  })

/** A message of a room's stream. */
export interface RoomUpdate {
  readonly seq: number
  readonly type: Prisma.RoomEventCreateManyInput['type']
  readonly at: Date
  readonly actorId: string | null
  readonly participant: Participant | null
  readonly room: Room
}

export interface Place {
  readonly room: Room
  readonly participant: Participant
}

export type Publish = (roomId: string, update: RoomUpdate) => unknown

/** Only rooms in which the user is, or was, a participant. */
export const readableBy = (userId: string) =>
  ({ participants: { some: { userId, state: { not: 'removed' } } } }) satisfies Prisma.RoomWhereInput

const SECOND = 1000
const later = (now: Date, seconds: number): Date => new Date(now.getTime() + seconds * SECOND)

/**
 * The commands as recommended by Prisma's documentation: an interactive transaction reads, decides and writes under a row
 * lock of the room; the events are published after the commit.
 *
 * @see https://www.prisma.io/docs/orm/prisma-client/queries/transactions#interactive-transactions
 */
export class Calls {
  readonly #prisma: PrismaClient
  readonly #publish: Publish

  constructor(prisma: PrismaClient, publish: Publish) {
    this.#prisma = prisma
    this.#publish = publish
  }

  create(userId: string, input: CreateRoomInput): Promise<Room> {
    const now = new Date()
    const { type, calleeId = null, participantIds = [], maxParticipants } = input
    return this.#prisma.$transaction(async (tx) => {
      if (calleeId !== null) {
        const ringing = await tx.room.findFirst({ where: { callerId: userId, calleeId, status: 'waiting' } })
        if (ringing) return ringing
      }
      const invited = calleeId === null ? participantIds : [calleeId]
      const ringsUntil = later(now, 45)
      const participantRow = (memberId: string, ordinal: number) => ({
        userId: memberId,
        ordinal,
        role: ordinal === 0 ? ('caller' as const) : type === 'p2p' ? ('callee' as const) : ('member' as const),
        state: 'invited' as const,
        audio: false,
        video: false,
        connected: false,
        completedSeconds: 0,
        ringsUntil,
        // Nobody is connected when they are called.
        reach: ordinal === 0 ? null : ('none' as const),
      })
      return tx.room.create({
        data: {
          id: v7(),
          type,
          mediaType: input.mediaType ?? 'video',
          status: 'waiting',
          callerId: userId,
          calleeId,
          provider: 'webrtc',
          access: input.access ?? 'invited',
          maxParticipants: type === 'p2p' ? 2 : (maxParticipants ?? 50),
          seq: 1,
          createdAt: now,
          expiresAt: later(now, 86_400),
          deadlineAt: ringsUntil,
          createdBy: userId,
          hostId: type === 'group' ? userId : null,
          reach: type === 'p2p' ? 'none' : null,
          participants: { createMany: { data: [userId, ...invited].map(participantRow) } },
          events: { create: { seq: 1, type: 'room_created', actorId: userId, data: { ...input }, at: now } },
        },
      })
    })
  }

  async join(userId: string, { roomId, audio, video }: JoinRoomInput): Promise<Place> {
    const now = new Date()
    const { result, updates } = await this.#prisma.$transaction(async (tx) => {
      const room = await lockRoom(tx, roomId)
      if (room.status === 'ended') throw new Error('ROOM_ENDED')
      const key = { roomId_userId: { roomId, userId } }
      const before = await tx.participant.findUnique({ where: key })
      if (before?.state === 'joined') return { result: { room, participant: before }, updates: [] }
      if (!before && room.access !== 'link') throw new Error('NOT_INVITED')
      const joined = await tx.participant.count({ where: { roomId, state: 'joined' } })
      if (joined >= room.maxParticipants) throw new Error('ROOM_FULL')
      const starts = room.status === 'waiting' && joined + 1 >= 2
      const seat = {
        state: 'joined',
        audio: audio ?? true,
        video: video ?? room.mediaType === 'video',
        connected: true,
        sessionId: v7(),
        joinedAt: now,
        leftAt: null,
        leaveReason: null,
        ringsUntil: null,
      } as const
      const participant = before
        ? await tx.participant.update({ where: key, data: seat })
        : await tx.participant.create({
            data: {
              ...seat,
              roomId,
              userId,
              ordinal: await tx.participant.count({ where: { roomId } }),
              role: 'member',
              completedSeconds: 0,
            },
          })
      const events = await appendEvents(tx, room, now, [
        { type: 'participant_joined', actorId: userId, subjectId: userId, data: { participant: { ...participant } } },
        ...(starts ? [{ type: 'room_started' as const, actorId: userId, data: { status: 'active' } }] : []),
      ])
      const after = await tx.room.update({
        where: { id: roomId },
        data: { seq: room.seq + events.length, ...(starts && { status: 'active', startedAt: now }) },
      })
      return { result: { room: after, participant }, updates: updatesOf(events, after, participant) }
    })
    for (const update of updates) this.#publish(roomId, update)
    return result
  }

  async leave(userId: string, { roomId }: LeaveRoomInput): Promise<Place> {
    const now = new Date()
    const { result, updates } = await this.#prisma.$transaction(async (tx) => {
      const room = await lockRoom(tx, roomId)
      const key = { roomId_userId: { roomId, userId } }
      const before = await tx.participant.findUniqueOrThrow({ where: key })
      if (room.status === 'ended' || before.state !== 'joined')
        return { result: { room, participant: before }, updates: [] }
      const gone = {
        state: 'left',
        audio: false,
        video: false,
        connected: false,
        sessionId: null,
        leftAt: now,
        completedSeconds: before.completedSeconds + (now.getTime() - (before.joinedAt ?? now).getTime()) / SECOND,
      } as const
      const participant = await tx.participant.update({ where: key, data: { ...gone, leaveReason: 'left' } })
      const ends = room.type === 'p2p'
      if (ends) {
        await tx.participant.updateMany({
          where: { roomId, state: 'joined' },
          data: { ...gone, leaveReason: 'ended' },
        })
      }
      const events = await appendEvents(tx, room, now, [
        { type: 'participant_left', actorId: userId, subjectId: userId, data: { participant: { ...participant } } },
        ...(ends ? [{ type: 'room_ended' as const, actorId: userId, data: { status: 'ended' } }] : []),
      ])
      const after = await tx.room.update({
        where: { id: roomId },
        data: {
          seq: room.seq + events.length,
          ...(ends && {
            status: 'ended',
            endedAt: now,
            activeUntil: now,
            endReason: 'completed',
            endedBy: userId,
            deadlineAt: null,
          }),
        },
      })
      return { result: { room: after, participant }, updates: updatesOf(events, after, participant) }
    })
    for (const update of updates) this.#publish(roomId, update)
    return result
  }

  async update(userId: string, { roomId, audio, video }: UpdateParticipantInput): Promise<Place> {
    const now = new Date()
    const { result, updates } = await this.#prisma.$transaction(async (tx) => {
      const room = await lockRoom(tx, roomId)
      const key = { roomId_userId: { roomId, userId } }
      const before = await tx.participant.findUniqueOrThrow({ where: key })
      if (before.state !== 'joined') throw new Error('FORBIDDEN')
      const participant = await tx.participant.update({
        where: key,
        data: { audio: audio ?? before.audio, video: video ?? before.video },
      })
      const events = await appendEvents(tx, room, now, [
        { type: 'participant_updated', actorId: userId, subjectId: userId, data: { participant: { ...participant } } },
      ])
      const after = await tx.room.update({ where: { id: roomId }, data: { seq: room.seq + events.length } })
      return { result: { room: after, participant }, updates: updatesOf(events, after, participant) }
    })
    for (const update of updates) this.#publish(roomId, update)
    return result
  }
}

type Transaction = Prisma.TransactionClient

/** Reads the room and locks its row until the end of the transaction. */
async function lockRoom(tx: Transaction, roomId: string): Promise<Room> {
  await tx.$queryRaw`SELECT 1 FROM "Room" WHERE "id" = ${roomId}::uuid FOR UPDATE`
  return tx.room.findUniqueOrThrow({ where: { id: roomId } })
}

type NewEvent = Pick<Prisma.RoomEventCreateManyInput, 'type' | 'actorId' | 'subjectId' | 'data'>
type Event = NewEvent & { readonly seq: number; readonly at: Date }

async function appendEvents(tx: Transaction, room: Room, at: Date, events: readonly NewEvent[]): Promise<Event[]> {
  const numbered = events.map((event, index) => ({ ...event, seq: room.seq + 1 + index, at }))
  await tx.roomEvent.createMany({ data: numbered.map((event) => ({ ...event, roomId: room.id })) })
  return numbered
}

const updatesOf = (events: readonly Event[], room: Room, participant: Participant): RoomUpdate[] =>
  events.map(({ seq, type, at, actorId = null, subjectId }) => ({
    seq,
    type,
    at,
    actorId,
    participant: subjectId === participant.userId ? participant : null,
    room,
  }))
