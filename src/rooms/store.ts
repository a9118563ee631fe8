import { Prisma, type PrismaClient } from '../db/generated/prisma/client.ts'
import { badInput } from '../core/errors.ts'
import type { Accepted } from './rules/decision.ts'
import type { Participant, Room, RoomFields } from './model.ts'
import { type PageQuery, pageStatement } from './page.ts'
import type { ParticipantsFilter, ParticipantsQuery } from './participants-page.ts'
import { AWAITED_STREAMS, EVENTS, PARTICIPANTS, ROOMS } from './columns.ts'
import { awaitedStreamRow, eventRow, type JsonRow, roomRow, toFields, toParticipant, toRoom } from './rows.ts'
import type { Table } from './table.ts'

/** What kept a new room from being written; its idempotency key when it is none of these. */
export interface InsertConflict {
  /** The room by which the callee calls the caller. */
  readonly reverseCall: string | null
  /** The room by which the caller calls the callee already. */
  readonly earlier: string | null
  /** As many calls ring for the callee as may. */
  readonly busy: boolean
}

export type Insertion = { readonly landed: true } | ({ readonly landed: false } & InsertConflict)

export interface ParticipantsOptions {
  /** Participants of all the rooms together; BAD_USER_INPUT if there are more. @default no limit */
  readonly limit?: number
  /** Only this user's places. */
  readonly userId?: string
}

/** Participants that one statement reads: the answer is taken in without holding up the event loop. */
const STATEMENT_ROWS = 1000

/** Every read and the commit are one SQL statement, so each sees one moment of the room. */
export interface RoomStore {
  load(roomId: string): Promise<Room | null>
  findByRequest(createdBy: string, clientRequestId: string): Promise<Room | null>
  /** Rooms whose invitation of any of these users rings at `now`, the oldest first. */
  ringing(userIds: readonly string[], now: Date): Promise<readonly Room[]>
  /** The same, only which rooms and how far each has come. */
  ringingSeqs(
    userIds: readonly string[],
    now: Date,
  ): Promise<readonly { readonly userId: string; readonly roomId: string; readonly seq: number }[]>
  /** Newest first. */
  page(query: PageQuery): Promise<readonly RoomFields[]>
  participantsOf(
    roomIds: readonly string[],
    options: ParticipantsOptions,
  ): Promise<ReadonlyMap<string, readonly Participant[]>>
  /** For each query one participant more than asked for, if there is one. */
  participantPages(queries: readonly ParticipantsQuery[]): Promise<readonly (readonly Participant[])[]>
  participantCounts(filters: readonly ParticipantsFilter[]): Promise<readonly number[]>
  /** Those of the rooms that have gone beyond the given event number, with the number that they have reached. */
  newerThan(rooms: readonly { id: string; seq: number }[]): Promise<readonly { id: string; seq: number }[]>
  /**
   * Writes a new room, unless there is an {@link InsertConflict} or its idempotency key was used before.
   *
   * @param ringingMax - calls that may ring for the callee at the same time; null for a call that does not ring
   */
  insert(accepted: Accepted, ringingMax: number | null): Promise<Insertion>
  /** Whether a user is in an active call between two. */
  isInCall(userId: string): Promise<boolean>
  /** Whether a user has joined a room, is the caller of one that has not ended, or is rung by one at `now`. */
  isInOrRung(userId: string, now: Date): Promise<boolean>
  /** Writes what was decided on the room at `expectedSeq`; false when somebody was faster. */
  commit(expectedSeq: number, accepted: Accepted): Promise<boolean>
  /**
   * Rooms with a deadline at or before `now`: the longest overdue of each user who has some, then the next of each. They
   * are set aside for the caller: no other node gets them for a few seconds, after which whatever was not done is due
   * again.
   */
  claimDue(now: Date, limit: number): Promise<readonly string[]>
}

const NOTHING = Prisma.sql`SELECT NULL::uuid AS opposite, NULL::uuid AS earlier, false AS busy`

/** How long a due room is set aside for one node, in seconds. */
const CLAIM = 5

/** Due rooms among which users take turns. */
const CLAIM_WINDOW = 2000

/** What each table's columns are in SQL. */
const SQL = {
  room: sqlOf(ROOMS),
  participant: sqlOf(PARTICIPANTS),
  event: sqlOf(EVENTS),
  awaitedStream: sqlOf(AWAITED_STREAMS),
}

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

  const requireAtMost = async (limit: number, roomIds: readonly string[]): Promise<void> => {
    const rows = await prisma.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM (
        SELECT FROM "Participant" p WHERE p."roomId" = ANY(${roomIds}::uuid[]) LIMIT ${limit + 1}) counted`
    if ((rows[0]?.count ?? 0) <= limit) return
    const message = `the rooms have more than ${limit} together; ask for fewer rooms at a time, or for participantsPage`
    throw badInput([{ path: 'participants', message }])
  }

  /** `room` is the statement that must answer with one row for the rest to be written; it sees `obstacle`. */
  const write = async (obstacle: Prisma.Sql, room: Prisma.Sql, accepted: Accepted): Promise<Insertion> => {
    const [row] = await prisma.$queryRaw<(InsertConflict & { landed: boolean })[]>`
      WITH obstacle AS (${obstacle}),
      room AS (${room}),
      people AS (
        INSERT INTO "Participant" (${SQL.participant.all})
        SELECT ${SQL.participant.all} FROM room, jsonb_populate_recordset(NULL::"Participant", ${json(changedRows(accepted))}::jsonb)
        ON CONFLICT ("roomId", "userId") DO UPDATE SET ${SQL.participant.assignments}
      ),
      log AS (
        INSERT INTO "RoomEvent" (${SQL.event.all})
        SELECT ${SQL.event.all} FROM room, jsonb_populate_recordset(NULL::"RoomEvent", ${json(accepted.events.map(eventRow))}::jsonb)
      ),
      awaited AS (
        INSERT INTO "AwaitedStream" (${SQL.awaitedStream.all})
        SELECT ${SQL.awaitedStream.all}
          FROM room, jsonb_populate_recordset(NULL::"AwaitedStream", ${json(accepted.awaited.map(awaitedStreamRow))}::jsonb)
        ON CONFLICT ("roomId", "userId") DO UPDATE SET ${SQL.awaitedStream.assignments}
      )
      SELECT EXISTS (SELECT FROM room) AS landed, opposite::text AS "reverseCall", earlier::text, busy FROM obstacle`
    return row ?? { landed: false, reverseCall: null, earlier: null, busy: false }
  }

  return {
    load: (roomId) => aggregate(Prisma.sql`room."id" = ${roomId}::uuid`),

    findByRequest: (createdBy, clientRequestId) =>
      aggregate(Prisma.sql`room."createdBy" = ${createdBy} AND room."clientRequestId" = ${clientRequestId}`),

    ringing: (userIds, now) =>
      aggregates(Prisma.sql`room."status" <> 'ended' AND room."id" IN (
        SELECT me."roomId" FROM "Participant" me
         WHERE me."userId" = ANY(${userIds}) AND me."ringsUntil" > ${now}
           AND (me."role" <> 'caller' OR room."type" = 'group') AND me."silent" IS NOT TRUE) ORDER BY room."id"`),

    ringingSeqs: (userIds, now) => prisma.$queryRaw`
      /* catch up */
      SELECT me."userId", me."roomId"::text, room."seq"
        FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
       WHERE me."userId" = ANY(${userIds}) AND me."ringsUntil" > ${now} AND me."role" <> 'caller'
         AND me."silent" IS NOT TRUE AND room."status" <> 'ended'`,

    async page(query) {
      const rows = await prisma.$queryRaw<{ room: JsonRow }[]>(pageStatement(query))
      const rooms = rows.map((row) => toFields(row.room))
      return query.backward ? rooms.toReversed() : rooms
    },

    async participantsOf(roomIds, { limit = Infinity, userId }) {
      const byRoom = new Map<string, Participant[]>(roomIds.map((roomId) => [roomId, []]))
      const whose = userId === undefined ? Prisma.empty : Prisma.sql`AND p."userId" = ${userId}`
      let last: Participant | undefined
      for (let read = 0; ;) {
        const behind = last
          ? Prisma.sql`AND (p."roomId", p."ordinal") > (${last.roomId}::uuid, ${last.ordinal})`
          : Prisma.empty
        const rows = await prisma.$queryRaw<{ person: JsonRow }[]>`
          SELECT to_jsonb(p) AS person FROM "Participant" p
           WHERE p."roomId" = ANY(${roomIds}::uuid[]) ${whose} ${behind}
           ORDER BY p."roomId", p."ordinal" LIMIT ${STATEMENT_ROWS}`
        for (const participant of rows.map((row) => toParticipant(row.person))) {
          byRoom.get(participant.roomId)?.push(participant)
          last = participant
        }
        if (rows.length < STATEMENT_ROWS) return byRoom
        // Many are counted before the rest of them is read.
        if (read === 0 && Number.isFinite(limit)) await requireAtMost(limit, roomIds)
        read += rows.length
      }
    },

    async participantPages(queries) {
      const rows = await prisma.$queryRaw<{ index: number; person: JsonRow }[]>`
        SELECT query."index", to_jsonb(person) AS person
          FROM jsonb_to_recordset(${json(indexed(queries))}::jsonb)
               AS query("index" int, "roomId" uuid, "first" int, "after" int, "state" text[])
         CROSS JOIN LATERAL (
               SELECT p.* FROM "Participant" p
                WHERE p."roomId" = query."roomId" AND p."ordinal" > coalesce(query."after", -1)
                  AND (query."state" IS NULL OR p."state"::text = ANY(query."state"))
                ORDER BY p."ordinal" LIMIT query."first" + 1) person
         ORDER BY query."index", person."ordinal"`
      const pages: Participant[][] = queries.map(() => [])
      for (const { index, person } of rows) pages[index]?.push(toParticipant(person))
      return pages
    },

    async participantCounts(filters) {
      const rows = await prisma.$queryRaw<{ count: number }[]>`
        SELECT (SELECT count(*)::int FROM "Participant" p
                 WHERE p."roomId" = query."roomId"
                   AND (query."state" IS NULL OR p."state"::text = ANY(query."state"))) AS count
          FROM jsonb_to_recordset(${json(indexed(filters))}::jsonb)
               AS query("index" int, "roomId" uuid, "state" text[])
         ORDER BY query."index"`
      return rows.map(({ count }) => count)
    },

    newerThan: (rooms) =>
      rooms.length === 0
        ? Promise.resolve([])
        : prisma.$queryRaw<{ id: string; seq: number }[]>`
            /* catch up */
            SELECT room."id"::text, room."seq"
              FROM jsonb_to_recordset(${json(rooms)}::jsonb) AS known("id" uuid, "seq" int)
              JOIN "Room" room ON room."id" = known."id" AND room."seq" > known."seq"`,

    insert: (accepted, ringingMax) => {
      const { type, callerId, calleeId, createdAt } = accepted.room
      const obstacle = Prisma.sql`SELECT * FROM "callInTheWay"(${callerId}, ${calleeId}, ${createdAt}, ${ringingMax}::int)`
      return write(
        type === 'p2p' ? obstacle : NOTHING,
        Prisma.sql`
          INSERT INTO "Room" (${SQL.room.all})
          SELECT ${SQL.room.all} FROM obstacle, jsonb_populate_record(NULL::"Room", ${json(roomRow(accepted.room))}::jsonb)
           WHERE obstacle.opposite IS NULL AND obstacle.earlier IS NULL AND NOT obstacle.busy
          ON CONFLICT DO NOTHING RETURNING "id"`,
        accepted,
      )
    },

    async commit(expectedSeq, accepted) {
      const update = Prisma.sql`
        UPDATE "Room" SET (${SQL.room.mutable}) =
          (SELECT ${SQL.room.mutable}
             FROM jsonb_populate_record(NULL::"Room", ${json(ROOMS.toMutableRow(accepted.room))}::jsonb))
         WHERE "id" = ${accepted.room.id}::uuid AND "seq" = ${expectedSeq} RETURNING "id"`
      return (await write(NOTHING, update, accepted)).landed
    },

    async isInCall(userId) {
      const rows = await prisma.$queryRaw<unknown[]>`
        SELECT FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
         WHERE me."userId" = ${userId} AND me."state" = 'joined' AND room."type" = 'p2p' AND room."status" = 'active'
         LIMIT 1`
      return rows.length > 0
    },

    async isInOrRung(userId, now) {
      const rows = await prisma.$queryRaw<unknown[]>`
        SELECT FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
         WHERE me."userId" = ${userId} AND room."status" <> 'ended'
           AND (me."state" = 'joined' OR me."state" = 'invited' AND (me."role" = 'caller' OR me."ringsUntil" > ${now}))
         LIMIT 1`
      return rows.length > 0
    },

    async claimDue(now, limit) {
      const rows = await prisma.$queryRaw<{ id: string; nth: number }[]>`
        /* sweep */
        UPDATE "Room" room SET "deadlineAt" = ${new Date(now.getTime() + CLAIM * 1000)}
          FROM (SELECT due."id", fair.nth
                  FROM (SELECT "id", row_number() OVER (ORDER BY turn, "deadlineAt")::int AS nth
                          FROM (SELECT "id", "deadlineAt",
                                       row_number() OVER (PARTITION BY "callerId" ORDER BY "deadlineAt") AS turn
                                  FROM (SELECT "id", "callerId", "deadlineAt" FROM "Room" WHERE "deadlineAt" <= ${now}
                                         ORDER BY "deadlineAt" LIMIT ${CLAIM_WINDOW}) overdue) turns
                         ORDER BY nth LIMIT ${limit}) fair
                  JOIN "Room" due ON due."id" = fair."id" AND due."deadlineAt" <= ${now}
                   FOR UPDATE OF due SKIP LOCKED) claimed
         WHERE room."id" = claimed."id" RETURNING room."id"::text, claimed.nth`
      return rows.toSorted((a, b) => a.nth - b.nth).map((row) => row.id)
    },
  }
}

function changedRows({ room, events }: Accepted): readonly JsonRow[] {
  const changed = new Set(events.flatMap((event) => event.data.participants ?? []).map(({ userId }) => userId))
  return room.participants.filter(({ userId }) => changed.has(userId)).map(PARTICIPANTS.toRow)
}

const json = (value: unknown): string => JSON.stringify(value)

const indexed = <T extends object>(items: readonly T[]) => items.map((item, index) => ({ index, ...item }))

function sqlOf(table: Pick<Table<never>, 'columnList' | 'mutableList' | 'assignments'>) {
  return {
    all: Prisma.raw(table.columnList),
    mutable: Prisma.raw(table.mutableList),
    assignments: Prisma.raw(table.assignments),
  }
}
