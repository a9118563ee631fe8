import type { Database } from '../db/client.ts'
import { type Statement, statement } from '../db/statement.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import type { Participant, Room, RoomFields } from './model.ts'
import {
  type PageQuery,
  type PageRow,
  pageStatement,
  PARTICIPANTS_READ_MAX,
  participantsMax,
  projectedPageStatement,
} from './page.ts'
import type { ParticipantsFilter, ParticipantsQuery } from './participants-page.ts'
import { createProjectedReads, type ReadProjected } from './projected-reads.ts'
import { existingRoom, type ProjectedRow, toProjectedRoom } from './projected-rows.ts'
import type { ProjectedRoom, Projection } from './projection.ts'
import { type JsonRow, toFields, toParticipant, toRoom } from './rows.ts'

export interface ParticipantsOptions {
  /** Participants of all the rooms together; BAD_USER_INPUT if there are more. @default no limit */
  readonly limit?: number
  /** Only this user's rows. */
  readonly userId?: string
}

/** A room as read for one user, without the other participants. */
export interface SeenRoom {
  readonly room: RoomFields
  /** The user's own row. */
  readonly me: Participant | null
}

/** Reads of rooms. Every read is one SQL statement, so that it sees a consistent snapshot. */
export interface RoomStore {
  load(roomId: string): Promise<Room | null>
  loadFor(userId: string, roomId: string): Promise<SeenRoom | null>
  readonly loadProjectedFor: ReadProjected
  /** {@link loadFor} with up to `first + 1` participants: the extra one tells whether there is a next page. */
  loadPageFor(
    userId: string,
    query: ParticipantsQuery,
  ): Promise<(SeenRoom & { readonly participants: readonly Participant[] }) | null>
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
  /** {@link page}, but only what `projection` names. A room with too many participants for the statement has none. */
  projectedPage(query: PageQuery, projection: Projection): Promise<readonly ProjectedRoom[]>
  participantsOf(
    roomIds: readonly string[],
    options: ParticipantsOptions,
  ): Promise<ReadonlyMap<string, readonly Participant[]>>
  /** For each query up to `first + 1` participants: the extra one tells whether there is a next page. */
  participantPages(queries: readonly ParticipantsQuery[]): Promise<readonly (readonly Participant[])[]>
  participantCounts(filters: readonly ParticipantsFilter[]): Promise<readonly number[]>
  /** The rooms whose `seq` is greater than the given one, with their current `seq`. */
  newerThan(rooms: readonly { id: string; seq: number }[]): Promise<readonly { id: string; seq: number }[]>
  /** The rooms in which the callee is calling the caller, and in which the caller is already calling the callee. */
  callsBetween(
    callerId: string,
    calleeId: string,
    now: Date,
  ): Promise<{ readonly reverseCall: string | null; readonly earlier: string | null }>
  /** Whether a user is in an active p2p call. */
  isInCall(userId: string): Promise<boolean>
  /** Whether a user has joined a room, is the caller of a live room, or is being rung at `now`. */
  isInOrRung(userId: string, now: Date): Promise<boolean>
  /**
   * Claims rooms whose deadline is at or before `now`, taking turns between callers: the longest overdue room of each,
   * then the next of each. No other node gets a claimed room for `CLAIM` seconds; a room not processed by then is due
   * again.
   */
  claimDue(
    now: Date,
    limit: number,
  ): Promise<{
    readonly rooms: readonly string[]
    /** The earliest of their deadlines; null if there are no rooms. */
    readonly dueSince: Date | null
  }>
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

/** Parameters: $1, the room; $2, the user. */
const SEEN = `
SELECT row_to_json(room) AS room,
       (SELECT row_to_json(me) FROM "Participant" me WHERE me."roomId" = room."id" AND me."userId" = $2) AS me`
const SEEN_ROOM = existingRoom('$1::uuid')
const LOAD_FOR = statement(`${SEEN} ${SEEN_ROOM}`)

/** Further parameters: $3, the ordinal before the page; $4, the states, or null for all; $5, the number of participants. */
const LOAD_PAGE_FOR = statement(`${SEEN},
       (SELECT coalesce(json_agg(row_to_json(page) ORDER BY page."ordinal"), '[]')
          FROM (SELECT p.* FROM "Participant" p
                 WHERE p."roomId" = room."id" AND p."ordinal" > $3::integer
                   AND ($4::text[] IS NULL OR p."state"::text = ANY($4::text[]))
                 ORDER BY p."ordinal" LIMIT $5::integer) page) AS participants
  ${SEEN_ROOM}`)
const FIND_BY_REQUEST = statement(`${AGGREGATE} WHERE room."createdBy" = $1 AND room."clientRequestId" = $2`)
/**
 * Begins with the user's invitations, which are few: as a condition on rooms, they would make a generic plan read all
 * rooms.
 */
const RINGING = statement(`
WITH invited AS MATERIALIZED (
  SELECT me."roomId", bool_or(me."role" <> 'caller') AS "isCalled" FROM "Participant" me
   WHERE me."userId" = ANY($1::text[]) AND me."ringsUntil" > $2::timestamptz AND me."silent" IS NOT TRUE
   GROUP BY me."roomId")
${AGGREGATE} JOIN invited ON invited."roomId" = room."id"
 WHERE room."status" <> 'ended' AND (invited."isCalled" OR room."type" = 'group') ORDER BY room."id"`)

const RINGING_SEQS = statement(`
/* catch up */
SELECT me."userId", me."roomId"::text, room."seq"
  FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
 WHERE me."userId" = ANY($1::text[]) AND me."ringsUntil" > $2::timestamptz AND me."role" <> 'caller'
   AND me."silent" IS NOT TRUE AND room."status" <> 'ended'`)

/** Before every room id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** Parameters: $1, the rooms; $2 and $3, the room and the ordinal of the last participant before. */
const participantsIn = (condition: string): Statement =>
  statement(`
SELECT row_to_json(p) AS person FROM "Participant" p
 WHERE p."roomId" = ANY($1::uuid[]) AND (p."roomId", p."ordinal") > ($2::uuid, $3::integer) ${condition}
 ORDER BY p."roomId", p."ordinal" LIMIT ${PARTICIPANTS_READ_MAX}`)

const PARTICIPANTS_OF = participantsIn('')
const PARTICIPANT_IN = participantsIn('AND p."userId" = $4::text')

const PARTICIPANTS_COUNT = statement(`
SELECT count(*)::int AS count FROM (SELECT FROM "Participant" p WHERE p."roomId" = ANY($1::uuid[]) LIMIT $2) counted`)

const PARTICIPANT_PAGES = statement(`
SELECT query."index", row_to_json(person) AS person
  FROM json_to_recordset($1::json)
       AS query("index" integer, "roomId" uuid, "first" integer, "after" integer, "state" text[])
 CROSS JOIN LATERAL (
       SELECT p.* FROM "Participant" p
        WHERE p."roomId" = query."roomId" AND p."ordinal" > coalesce(query."after", -1)
          AND (query."state" IS NULL OR p."state"::text = ANY(query."state"))
        ORDER BY p."ordinal" LIMIT query."first" + 1) person
 ORDER BY query."index", person."ordinal"`)

const PARTICIPANT_COUNTS = statement(`
SELECT (SELECT count(*)::int FROM "Participant" p
         WHERE p."roomId" = query."roomId"
           AND (query."state" IS NULL OR p."state"::text = ANY(query."state"))) AS count
  FROM json_to_recordset($1::json) AS query("index" integer, "roomId" uuid, "state" text[])
 ORDER BY query."index"`)

const NEWER_THAN = statement(`
/* catch up */
SELECT room."id"::text, room."seq"
  FROM json_to_recordset($1::json) AS known("id" uuid, "seq" integer)
  JOIN "Room" room ON room."id" = known."id" AND room."seq" > known."seq"`)

const CALLS_BETWEEN = statement(`
SELECT opposite::text AS "reverseCall", earlier::text FROM "callInTheWay"($1::text, $2::text, $3::timestamptz, NULL)`)

const IS_IN_CALL = statement(`
SELECT FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
 WHERE me."userId" = $1 AND me."state" = 'joined' AND room."type" = 'p2p' AND room."status" = 'active'
 LIMIT 1`)

const IS_IN_OR_RUNG = statement(`
SELECT FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
 WHERE me."userId" = $1 AND room."status" <> 'ended'
   AND (me."state" = 'joined'
        OR me."state" = 'invited' AND (me."role" = 'caller' OR me."ringsUntil" > $2::timestamptz))
 LIMIT 1`)

/** Parameters: $1, the present time; $2, the end of the claim; $3, the maximum number of rooms. */
const CLAIM_DUE = statement(`
/* sweep */
UPDATE "Room" room SET "deadlineAt" = $2::timestamptz
  FROM (SELECT due."id", due."deadlineAt" AS "dueAt", fair.nth
          FROM (SELECT "id", row_number() OVER (ORDER BY turn, "deadlineAt")::int AS nth
                  FROM (SELECT "id", "deadlineAt",
                               row_number() OVER (PARTITION BY "callerId" ORDER BY "deadlineAt") AS turn
                          FROM (SELECT "id", "callerId", "deadlineAt" FROM "Room" WHERE "deadlineAt" <= $1::timestamptz
                                 ORDER BY "deadlineAt" LIMIT ${CLAIM_WINDOW}) overdue) turns
                 ORDER BY nth LIMIT $3::integer) fair
          JOIN "Room" due ON due."id" = fair."id" AND due."deadlineAt" <= $1::timestamptz
           FOR UPDATE OF due SKIP LOCKED) claimed
 WHERE room."id" = claimed."id" RETURNING room."id"::text, claimed.nth,
       (extract(epoch FROM claimed."dueAt") * 1000)::float8 AS "dueAt"`)

export function createRoomStore({ statements }: Pick<Database, 'statements'>): RoomStore {
  const aggregates = async (query: Statement, values: readonly unknown[]): Promise<readonly Room[]> => {
    const rows = await statements.run<{ room: JsonRow; participants: JsonRow[] }>(query, values)
    return rows.map((row) => toRoom(row.room, row.participants))
  }

  const requireAtMost = async (limit: number, roomIds: readonly string[]): Promise<void> => {
    const rows = await statements.run<{ count: number }>(PARTICIPANTS_COUNT, [roomIds, limit + 1])
    if ((rows[0]?.count ?? 0) <= limit) return
    const message = `the rooms have more than ${limit} together; ask for fewer rooms at a time, or for participantsPage`
    throw badInput([{ path: 'participants', message }])
  }

  return {
    load: async (roomId) => (await aggregates(LOAD, [roomId]))[0] ?? null,

    async loadFor(userId, roomId) {
      const [row] = await statements.run<SeenRow>(LOAD_FOR, [roomId, userId])
      return row ? toSeen(row) : null
    },

    loadProjectedFor: createProjectedReads(statements),

    async loadPageFor(userId, { roomId, after, state, first }) {
      const values = [roomId, userId, after ?? -1, state, first + 1]
      const [row] = await statements.run<SeenRow & { participants: JsonRow[] }>(LOAD_PAGE_FOR, values)
      return row ? { ...toSeen(row), participants: row.participants.map(toParticipant) } : null
    },

    findByRequest: async (createdBy, clientRequestId) =>
      (await aggregates(FIND_BY_REQUEST, [createdBy, clientRequestId]))[0] ?? null,

    ringing: (userIds, now) => aggregates(RINGING, [userIds, now.toISOString()]),

    ringingSeqs: (userIds, now) => statements.run(RINGING_SEQS, [userIds, now.toISOString()]),

    async page(query) {
      const { statement: page, values } = pageStatement(query)
      const [row = { rooms: [] }] = await statements.run<PageRow>(page, values)
      const rooms = row.rooms.map(toFields)
      return query.backward ? rooms.toReversed() : rooms
    },

    async projectedPage(query, given) {
      const { statement: page, values, projection } = projectedPageStatement(query, given)
      const rows = await statements.run<ProjectedRow>(page, values)
      const rooms = rows.map((row) => toProjectedRoom(row, projection, participantsMax(query)))
      return query.backward ? rooms.toReversed() : rooms
    },

    async participantsOf(roomIds, { limit = Infinity, userId }) {
      const byRoom = new Map<string, Participant[]>(roomIds.map((roomId) => [roomId, []]))
      const people = userId === undefined ? PARTICIPANTS_OF : PARTICIPANT_IN
      const whose = userId === undefined ? [] : [userId]
      let last: Pick<Participant, 'roomId' | 'ordinal'> = { roomId: FIRST_ID, ordinal: -1 }
      for (let read = 0; ;) {
        const values = [roomIds, last.roomId, last.ordinal, ...whose]
        const rows = await statements.run<{ person: JsonRow }>(people, values)
        for (const participant of rows.map((row) => toParticipant(row.person))) {
          byRoom.get(participant.roomId)?.push(participant)
          last = participant
        }
        if (rows.length < PARTICIPANTS_READ_MAX) return byRoom
        // Before reading further pages, check the total against the limit.
        if (read === 0 && Number.isFinite(limit)) await requireAtMost(limit, roomIds)
        read += rows.length
      }
    },

    async participantPages(queries) {
      const given = [json(indexed(queries))]
      const rows = await statements.run<{ index: number; person: JsonRow }>(PARTICIPANT_PAGES, given)
      const pages: Participant[][] = queries.map(() => [])
      for (const { index, person } of rows) pages[index]?.push(toParticipant(person))
      return pages
    },

    async participantCounts(filters) {
      const rows = await statements.run<{ count: number }>(PARTICIPANT_COUNTS, [json(indexed(filters))])
      return rows.map(({ count }) => count)
    },

    newerThan: (rooms) => (rooms.length === 0 ? Promise.resolve([]) : statements.run(NEWER_THAN, [json(rooms)])),

    async callsBetween(callerId, calleeId, now) {
      const values = [callerId, calleeId, now.toISOString()]
      const [row] = await statements.run<{ reverseCall: string | null; earlier: string | null }>(CALLS_BETWEEN, values)
      return row ?? { reverseCall: null, earlier: null }
    },

    isInCall: async (userId) => (await statements.run(IS_IN_CALL, [userId])).length > 0,

    isInOrRung: async (userId, now) => (await statements.run(IS_IN_OR_RUNG, [userId, now.toISOString()])).length > 0,

    async claimDue(now, limit) {
      const until = new Date(now.getTime() + CLAIM * 1000)
      const values = [now.toISOString(), until.toISOString(), limit]
      const rows = await statements.run<{ id: string; nth: number; dueAt: number }>(CLAIM_DUE, values)
      const rooms = rows.toSorted((a, b) => a.nth - b.nth).map(({ id }) => id)
      return { rooms, dueSince: rows.length > 0 ? new Date(Math.min(...rows.map(({ dueAt }) => dueAt))) : null }
    },
  }
}

/**
 * Loads a room, or a part of it, by an id from a client.
 *
 * @throws RtcError NOT_FOUND
 */
export async function requireRoom<Loaded>(
  givenId: string,
  load: (roomId: string) => Promise<Loaded | null>,
): Promise<Loaded> {
  const roomId = canonicalUuid(givenId)
  const loaded = isRoomId(roomId) ? await load(roomId) : null
  if (!loaded) throw new RtcError('NOT_FOUND', 'There is no such room.')
  return loaded
}

interface SeenRow {
  readonly room: JsonRow
  readonly me: JsonRow | null
}

const toSeen = ({ room, me }: SeenRow): SeenRoom => ({ room: toFields(room), me: me && toParticipant(me) })

const json = (value: unknown): string => JSON.stringify(value)

const indexed = <T extends object>(items: readonly T[]) => items.map((item, index) => ({ index, ...item }))
