import { Prisma, type PrismaClient } from '../db/generated/prisma/client.ts'
import type { Accepted } from './decision.ts'
import type { EndReason, MediaType, Participant, Room, RoomFields, RoomStatus, RoomType } from './model.ts'
import type { ReadScope } from './policy.ts'
import { fieldsOf, type JsonRow, toFields, toParticipant, toRoom } from './rows.ts'

export interface RoomFilter {
  readonly status?: RoomStatus | undefined
  readonly endReason?: EndReason | undefined
  readonly type?: RoomType | undefined
  readonly mediaType?: MediaType | undefined
  /** Created at or after. */
  readonly from?: Date | undefined
  /** Created before. */
  readonly to?: Date | undefined
}

export interface PageQuery {
  readonly scope: ReadScope
  readonly filter: RoomFilter
  /** Room ids, exclusive: the page lies behind `after` and before `before`, newest first. */
  readonly after?: string | undefined
  readonly before?: string | undefined
  /** Take the last rooms of that range instead of the first. */
  readonly backward: boolean
  readonly limit: number
}

/** Every read and the commit are one SQL statement, so each sees one moment of the room. */
export interface RoomStore {
  load(roomId: string): Promise<Room | null>
  findByRequest(createdBy: string, clientRequestId: string): Promise<Room | null>
  /** Rooms whose invitation of this user rings at `now`, the oldest first. */
  ringing(userId: string, now: Date): Promise<readonly Room[]>
  /** Newest first. */
  page(query: PageQuery): Promise<readonly RoomFields[]>
  participantsOf(roomIds: readonly string[]): Promise<ReadonlyMap<string, readonly Participant[]>>
  /** Writes a new room; false when its idempotency key was used before. */
  insert(accepted: Accepted): Promise<boolean>
  /** Writes what was decided on the room at `expectedSeq`; false when somebody was faster. */
  commit(expectedSeq: number, accepted: Accepted): Promise<boolean>
  /**
   * Rooms with a deadline at or before `now`, the longest overdue first. They are set aside for the caller: no other
   * node gets them for a few seconds, after which whatever was not done is due again.
   */
  claimDue(now: Date, limit: number): Promise<readonly string[]>
}

/** How long a due room is set aside for one node, in seconds. */
const CLAIM = 5

/** The room's columns that change after its creation. */
const MUTABLE = Prisma.raw(
  columns('status', 'seq', 'startedAt', 'endedAt', 'endReason', 'endedBy', 'emptyAt', 'expiresAt', 'deadlineAt'),
)

const AGGREGATE = Prisma.sql`
  SELECT to_jsonb(room) AS room,
         (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p."ordinal"), '[]')
            FROM "Participant" p WHERE p."roomId" = room."id") AS participants
    FROM "Room" room`

export function createRoomStore(prisma: PrismaClient): RoomStore {
  const aggregates = async (condition: Prisma.Sql): Promise<readonly Room[]> => {
    const rows = await prisma.$queryRaw<{ room: JsonRow; participants: JsonRow[] }[]>`${AGGREGATE} WHERE ${condition}`
    return rows.map((row) => toRoom(row.room, row.participants))
  }
  const aggregate = async (condition: Prisma.Sql): Promise<Room | null> => (await aggregates(condition))[0] ?? null

  /** `room` is the statement that must answer with one row for the rest to be written. */
  const write = async (room: Prisma.Sql, accepted: Accepted): Promise<boolean> => {
    const [row] = await prisma.$queryRaw<{ landed: number }[]>`
      WITH room AS (${room}),
      people AS (
        INSERT INTO "Participant"
        SELECT person.* FROM room, jsonb_populate_recordset(NULL::"Participant", ${json(changedRows(accepted))}::jsonb) person
        ON CONFLICT ("roomId", "userId") DO UPDATE SET
          "role" = excluded."role", "state" = excluded."state", "audio" = excluded."audio", "video" = excluded."video",
          "connected" = excluded."connected", "deviceId" = excluded."deviceId", "joinedAt" = excluded."joinedAt",
          "leftAt" = excluded."leftAt", "leaveReason" = excluded."leaveReason", "stayed" = excluded."stayed",
          "ringsUntil" = excluded."ringsUntil", "graceUntil" = excluded."graceUntil"
      ),
      log AS (
        INSERT INTO "RoomEvent"
        SELECT event.* FROM room, jsonb_populate_recordset(NULL::"RoomEvent", ${json(accepted.events)}::jsonb) event
      )
      SELECT count(*)::int AS landed FROM room`
    return row?.landed === 1
  }

  return {
    load: (roomId) => aggregate(Prisma.sql`room."id" = ${roomId}::uuid`),

    findByRequest: (createdBy, clientRequestId) =>
      aggregate(Prisma.sql`room."createdBy" = ${createdBy} AND room."clientRequestId" = ${clientRequestId}`),

    ringing: (userId, now) =>
      aggregates(Prisma.sql`room."status" <> 'ended' AND room."id" IN (
        SELECT me."roomId" FROM "Participant" me
         WHERE me."userId" = ${userId} AND me."ringsUntil" > ${now} AND me."role" <> 'caller') ORDER BY room."id"`),

    async page(query) {
      const order = Prisma.raw(query.backward ? 'ASC' : 'DESC')
      const rows = await prisma.$queryRaw<{ room: JsonRow }[]>`
        SELECT to_jsonb(room) AS room ${scopeOf(query)} AND ${conditions(query)}
         ORDER BY room."id" ${order} LIMIT ${query.limit}`
      const rooms = rows.map((row) => toFields(row.room))
      return query.backward ? rooms.toReversed() : rooms
    },

    async participantsOf(roomIds) {
      const rows = await prisma.$queryRaw<{ person: JsonRow }[]>`
        SELECT to_jsonb(p) AS person FROM "Participant" p
         WHERE p."roomId" = ANY(${roomIds}::uuid[]) ORDER BY p."ordinal"`
      const byRoom = new Map<string, Participant[]>(roomIds.map((roomId) => [roomId, []]))
      for (const participant of rows.map((row) => toParticipant(row.person))) {
        byRoom.get(participant.roomId)?.push(participant)
      }
      return byRoom
    },

    insert: (accepted) =>
      write(
        Prisma.sql`
          INSERT INTO "Room" SELECT * FROM jsonb_populate_record(NULL::"Room", ${json(fieldsOf(accepted.room))}::jsonb)
          ON CONFLICT DO NOTHING RETURNING "id"`,
        accepted,
      ),

    commit: (expectedSeq, accepted) =>
      write(
        Prisma.sql`
          UPDATE "Room" SET (${MUTABLE}) =
            (SELECT ${MUTABLE} FROM jsonb_populate_record(NULL::"Room", ${json(fieldsOf(accepted.room))}::jsonb))
           WHERE "id" = ${accepted.room.id}::uuid AND "seq" = ${expectedSeq} RETURNING "id"`,
        accepted,
      ),

    async claimDue(now, limit) {
      const rows = await prisma.$queryRaw<{ id: string }[]>`
        /* sweep */
        UPDATE "Room" room SET "deadlineAt" = ${new Date(now.getTime() + CLAIM * 1000)}
          FROM (SELECT "id" FROM "Room" WHERE "deadlineAt" <= ${now}
                 ORDER BY "deadlineAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED) due
         WHERE room."id" = due."id" RETURNING room."id"::text`
      return rows.map((row) => row.id)
    },
  }
}

function scopeOf({ scope }: PageQuery): Prisma.Sql {
  if (scope === 'all') return Prisma.sql`FROM "Room" room WHERE true`
  return Prisma.sql`
    FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
   WHERE me."userId" = ${scope.participantId} AND me."state" <> 'removed'`
}

function conditions({ filter, after, before }: PageQuery): Prisma.Sql {
  const terms = [
    after && Prisma.sql`room."id" < ${after}::uuid`,
    before && Prisma.sql`room."id" > ${before}::uuid`,
    filter.status && Prisma.sql`room."status" = ${filter.status}::"RoomStatus"`,
    filter.endReason && Prisma.sql`room."endReason" = ${filter.endReason}::"EndReason"`,
    filter.type && Prisma.sql`room."type" = ${filter.type}::"RoomType"`,
    filter.mediaType && Prisma.sql`room."mediaType" = ${filter.mediaType}::"MediaType"`,
    filter.from && Prisma.sql`room."createdAt" >= ${filter.from}`,
    filter.to && Prisma.sql`room."createdAt" < ${filter.to}`,
  ]
  return Prisma.join([Prisma.sql`true`, ...terms.filter((term) => term instanceof Prisma.Sql)], ' AND ')
}

function changedRows({ room, events }: Accepted): readonly Participant[] {
  const changed = new Set(events.flatMap((event) => event.data.participants ?? []).map(({ userId }) => userId))
  return room.participants.filter(({ userId }) => changed.has(userId))
}

const json = (value: unknown): string => JSON.stringify(value)

function columns(...names: (keyof RoomFields)[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}
