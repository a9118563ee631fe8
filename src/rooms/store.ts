import type { Database } from '../db/client.ts'
import { Prisma } from '../db/generated/prisma/client.ts'
import { type Statement, statement } from '../db/statement.ts'
import { badInput } from '../core/errors.ts'
import type { Participant, Room, RoomFields } from './model.ts'
import { type PageQuery, pageStatement } from './page.ts'
import type { ParticipantsFilter, ParticipantsQuery } from './participants-page.ts'
import { type JsonRow, toFields, toParticipant, toRoom } from './rows.ts'

export interface ParticipantsOptions {
  /** Participants of all the rooms together; BAD_USER_INPUT if there are more. @default no limit */
  readonly limit?: number
  /** Only this user's rows. */
  readonly userId?: string
}

/** Participants that one statement reads, so that parsing the result does not block the event loop. */
const STATEMENT_ROWS = 1000

/** Reads of rooms. Every read is one SQL statement, so that it sees a consistent snapshot. */
export interface RoomStore {
  load(roomId: string): Promise<Room | null>
  findByRequest(createdBy: string, clientRequestId: string): Promise<Room | null>
  /** Rooms that ring for any of these users at `now`, oldest first. */
  ringing(userIds: readonly string[], now: Date): Promise<readonly Room[]>
  /** {@link ringing}, but only each room's id and `seq`, by user. */
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
  /** For each query up to `first + 1` participants: the extra one tells whether there is a next page. */
  participantPages(queries: readonly ParticipantsQuery[]): Promise<readonly (readonly Participant[])[]>
  participantCounts(filters: readonly ParticipantsFilter[]): Promise<readonly number[]>
  /** The rooms whose `seq` is greater than the given one, with their current `seq`. */
  newerThan(rooms: readonly { id: string; seq: number }[]): Promise<readonly { id: string; seq: number }[]>
  /** Whether a user is in an active p2p call. */
  isInCall(userId: string): Promise<boolean>
  /** Whether a user has joined a room, is the caller of a live room, or is being rung at `now`. */
  isInOrRung(userId: string, now: Date): Promise<boolean>
  /**
   * Claims rooms whose deadline is at or before `now`, taking turns between callers: the longest overdue room of each,
   * then the next of each. No other node gets a claimed room for `CLAIM` seconds; a room not processed by then is due
   * again.
   */
  claimDue(now: Date, limit: number): Promise<readonly string[]>
}

/** How long a claim lasts, in seconds. */
const CLAIM = 5

/** Overdue rooms among which callers take turns. */
const CLAIM_WINDOW = 2000

/** A room with all of its participants, each as JSON text, the cheapest form to build and to parse. */
const AGGREGATE = `
SELECT row_to_json(room) AS room,
       (SELECT coalesce(json_agg(row_to_json(p) ORDER BY p."ordinal"), '[]')
          FROM "Participant" p WHERE p."roomId" = room."id") AS participants
  FROM "Room" room`

const LOAD = statement(`${AGGREGATE} WHERE room."id" = $1::uuid AND room."seq" > 0`)
const FIND_BY_REQUEST = statement(`${AGGREGATE} WHERE room."createdBy" = $1 AND room."clientRequestId" = $2`)
const RINGING = statement(`${AGGREGATE} WHERE room."status" <> 'ended' AND room."id" IN (
  SELECT me."roomId" FROM "Participant" me
   WHERE me."userId" = ANY($1::text[]) AND me."ringsUntil" > $2::timestamptz
     AND (me."role" <> 'caller' OR room."type" = 'group') AND me."silent" IS NOT TRUE) ORDER BY room."id"`)

export function createRoomStore({ prisma, statements }: Pick<Database, 'prisma' | 'statements'>): RoomStore {
  const aggregates = async (query: Statement, values: readonly unknown[]): Promise<readonly Room[]> => {
    const rows = await statements.run<{ room: JsonRow; participants: JsonRow[] }>(query, values)
    return rows.map((row) => toRoom(row.room, row.participants))
  }

  const requireAtMost = async (limit: number, roomIds: readonly string[]): Promise<void> => {
    const rows = await prisma.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM (
        SELECT FROM "Participant" p WHERE p."roomId" = ANY(${roomIds}::uuid[]) LIMIT ${limit + 1}) counted`
    if ((rows[0]?.count ?? 0) <= limit) return
    const message = `the rooms have more than ${limit} together; ask for fewer rooms at a time, or for participantsPage`
    throw badInput([{ path: 'participants', message }])
  }

  return {
    load: async (roomId) => (await aggregates(LOAD, [roomId]))[0] ?? null,

    findByRequest: async (createdBy, clientRequestId) =>
      (await aggregates(FIND_BY_REQUEST, [createdBy, clientRequestId]))[0] ?? null,

    ringing: (userIds, now) => aggregates(RINGING, [userIds, now.toISOString()]),

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
        // Before reading further pages, check the total against the limit.
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

const json = (value: unknown): string => JSON.stringify(value)

const indexed = <T extends object>(items: readonly T[]) => items.map((item, index) => ({ index, ...item }))
