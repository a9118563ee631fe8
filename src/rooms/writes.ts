import { statement, type Statements } from '../db/statement.ts'
import { AWAITED_STREAMS, EVENTS, PARTICIPANTS, ROOMS } from './columns.ts'
import type { Participant, Room, RoomEvent } from './model.ts'
import { awaitedStreamRow, eventRow, type JsonRow, roomRow } from './rows.ts'
import type { Accepted, AwaitedStream } from './rules/decision.ts'

/** The decision of one or several commands on a room, to be written. */
export interface Commit {
  /** The room's `seq` before the events. */
  readonly expectedSeq: number
  /** The room after the events. */
  readonly room: Room
  readonly events: readonly RoomEvent[]
  readonly awaited: readonly AwaitedStream[]
}

/** Number of rows that the events of a commit write. */
export function rowsOf({ events }: Pick<Commit, 'events'>): number {
  let rows = 0
  for (const { data } of events) rows += 1 + (data.participants?.length ?? 0)
  return rows
}

/** Why a new room was not inserted. When no field is set, its idempotency key was used before. */
export interface InsertConflict {
  /** The room in which the callee is calling the caller. */
  readonly reverseCall: string | null
  /** The room in which the caller is already calling the callee. */
  readonly earlier: string | null
  /** `ringingMax` calls are ringing for the callee. */
  readonly busy: boolean
}

export type Insertion = { readonly landed: true } | ({ readonly landed: false } & InsertConflict)

/** A new room, to be inserted. */
export interface NewRoom {
  readonly accepted: Accepted
  /** Calls that may ring for the callee at the same time; null for a room that is not a ringing call. */
  readonly ringingMax: number | null
}

/** Writes of rooms. Every write is one statement: the room, its participants and its events are written atomically. */
export interface RoomWrites {
  /**
   * Inserts new rooms, each unless there is an {@link InsertConflict}. No user may be in two calls of one statement.
   *
   * @returns the insertion of each room by its id; absent: its idempotency key was used before
   * @param options.wait - wait for the locks of the caller and the callee; otherwise a call with a locked user is not
   *   inserted. Only a single room may wait
   */
  insert(
    rooms: readonly NewRoom[],
    options: { readonly wait: boolean },
  ): Promise<ReadonlyMap<string, Insertion | 'locked'>>
  /**
   * Writes commits of different rooms. Each commit lands independently, if its room has the expected `seq`.
   *
   * @returns the ids of the rooms whose commit landed
   * @param options.wait - wait for the lock of a room's row; otherwise a locked room is a conflict. Only a single commit
   *   may wait
   */
  commit(commits: readonly Commit[], options: { readonly wait: boolean }): Promise<ReadonlySet<string>>
}

/** The changed columns of rooms, with their expected `seq`, from a function that reads JSON. */
const given = (json: string): string => `given AS (
  SELECT * FROM ${json}
    AS given("id" uuid, "expectedSeq" integer, ${ROOMS.mutable.map(({ name, type }) => `"${name}" ${type}`).join(', ')})
)`

const setFrom = (source: string): string =>
  ROOMS.mutable.map(({ name }) => `"${name}" = ${source}."${name}"`).join(', ')

/** Inserts the participants ($2), events ($3) and awaited streams ($4) of the rooms in `written`. */
const PARTS = `people AS (
  INSERT INTO "Participant" (${PARTICIPANTS.columnList}) SELECT ${PARTICIPANTS.columnList}
    FROM json_populate_recordset(NULL::"Participant", $2::json) JOIN written ON written."writtenId" = "roomId"
  ON CONFLICT ("roomId", "userId") DO UPDATE SET ${PARTICIPANTS.assignments}
), log AS (
  INSERT INTO "RoomEvent" (${EVENTS.columnList}) SELECT ${EVENTS.columnList}
    FROM json_populate_recordset(NULL::"RoomEvent", $3::json) JOIN written ON written."writtenId" = "roomId"
), awaited AS (
  INSERT INTO "AwaitedStream" (${AWAITED_STREAMS.columnList}) SELECT ${AWAITED_STREAMS.columnList}
    FROM json_populate_recordset(NULL::"AwaitedStream", $4::json) JOIN written ON written."writtenId" = "roomId"
  ON CONFLICT ("roomId", "userId") DO UPDATE SET ${AWAITED_STREAMS.assignments}
)`

/** $1: the room. */
const COMMIT_ONE = statement(`
WITH ${given('json_to_record($1::json)')}, written AS (
  UPDATE "Room" room SET ${setFrom('given')} FROM given
   WHERE room."id" = given."id" AND room."seq" = given."expectedSeq" RETURNING room."id" AS "writtenId"
), ${PARTS}
SELECT "writtenId"::text AS id FROM written`)

/**
 * $1: the rooms; $5: their ids, for which the planner expects few rows: from the number that it assumes for JSON, it would
 * join with a scan of the whole table.
 *
 * Skips locked rows instead of waiting for them, so that batches of two nodes cannot deadlock.
 */
const COMMIT_MANY = statement(`
WITH ${given('json_to_recordset($1::json)')}, ready AS (
  SELECT given.* FROM "Room" room JOIN given ON given."id" = room."id"
   WHERE room."id" = ANY($5::uuid[]) AND room."seq" = given."expectedSeq" FOR NO KEY UPDATE OF room SKIP LOCKED
), written AS (
  UPDATE "Room" room SET ${setFrom('ready')} FROM ready
   WHERE room."id" = ready."id" AND room."seq" = ready."expectedSeq" RETURNING room."id" AS "writtenId"
), ${PARTS}
SELECT "writtenId"::text AS id FROM written`)

/** Parameters: $1, the rooms; $5, the calls among them. */
const insertion = (source: { readonly obstacles: string; readonly rooms: string }) =>
  statement(`
WITH obstacles AS (${source.obstacles}), written AS (
  INSERT INTO "Room" (${ROOMS.columnList}) SELECT ${ROOMS.columnList} FROM ${source.rooms} room
   WHERE NOT EXISTS (
     SELECT FROM obstacles
      WHERE obstacles."callId" = room."id"
        AND (obstacles.opposite IS NOT NULL OR obstacles.earlier IS NOT NULL OR obstacles.busy OR obstacles.locked))
   ORDER BY "createdBy", "clientRequestId"
  ON CONFLICT DO NOTHING RETURNING "id" AS "writtenId"
), ${PARTS}
SELECT coalesce(obstacles."callId", written."writtenId")::text AS id, written."writtenId" IS NOT NULL AS landed,
       obstacles.opposite::text AS "reverseCall", obstacles.earlier::text,
       coalesce(obstacles.busy, false) AS busy, coalesce(obstacles.locked, false) AS locked
  FROM obstacles FULL JOIN written ON written."writtenId" = obstacles."callId"`)

const CALLS =
  'json_to_recordset($5::json) AS call("id" uuid, "caller" text, "callee" text, "at" timestamptz, "most" integer)'

const INSERT_ONE = insertion({
  obstacles: `SELECT call."id" AS "callId", found.*, false AS locked FROM ${CALLS}
   CROSS JOIN LATERAL "callInTheWay"("caller", "callee", "at", "most") found`,
  rooms: `json_populate_record(NULL::"Room", $1::json)`,
})

/**
 * Waits for no lock of users. Waits for other writers of an idempotency key, in the order of the keys, so that statements do
 * not wait in a circle.
 */
const INSERT_MANY = insertion({
  obstacles: `SELECT * FROM "callsInTheWay"($5::json)`,
  rooms: `json_populate_recordset(NULL::"Room", $1::json)`,
})

interface InsertedRow extends InsertConflict {
  readonly id: string
  readonly landed: boolean
  readonly locked: boolean
}

export function createRoomWrites(statements: Statements): RoomWrites {
  return {
    async insert(rooms, { wait }) {
      const accepted = rooms.map((room) => room.accepted)
      const rows = accepted.map(({ room }) => roomRow(room))
      const calls = rooms.flatMap(({ accepted: { room }, ringingMax }) =>
        room.type === 'p2p'
          ? [{ id: room.id, caller: room.callerId, callee: room.calleeId, at: room.createdAt, most: ringingMax }]
          : [],
      )
      const values = [JSON.stringify(wait ? rows[0] : rows), ...parts(accepted), JSON.stringify(calls)]
      const inserted = await statements.run<InsertedRow>(wait ? INSERT_ONE : INSERT_MANY, values)
      return new Map(inserted.map(({ id, locked, ...insertion }) => [id, locked ? 'locked' : insertion]))
    },

    async commit(commits, { wait }) {
      const rooms = commits.map(({ room, expectedSeq }) => ({
        ...ROOMS.toMutableRow(room),
        id: room.id,
        expectedSeq,
      }))
      const values = wait
        ? [JSON.stringify(rooms[0]), ...parts(commits)]
        : [JSON.stringify(rooms), ...parts(commits), rooms.map(({ id }) => id)]
      const rows = await statements.run<{ id: string }>(wait ? COMMIT_ONE : COMMIT_MANY, values)
      return new Set(rows.map(({ id }) => id))
    },
  }
}

/** The parameters of {@link PARTS}. */
function parts(commits: readonly Pick<Commit, 'events' | 'awaited'>[]): string[] {
  const events = commits.flatMap((commit) => commit.events)
  return [
    JSON.stringify(changedRows(events)),
    JSON.stringify(events.map(eventRow)),
    JSON.stringify(commits.flatMap(({ awaited }) => latest(awaited)).map(awaitedStreamRow)),
  ]
}

/** The last row of each changed participant. */
function changedRows(events: readonly RoomEvent[]): JsonRow[] {
  const rows = new Map<string, Participant>()
  for (const { data } of events) {
    for (const row of data.participants ?? []) rows.set(`${row.roomId} ${row.userId}`, row)
  }
  return [...rows.values()].map(PARTICIPANTS.toGivenRow)
}

/** The last awaited stream of each user: one statement must not upsert a row twice. */
const latest = (awaited: readonly AwaitedStream[]): AwaitedStream[] => [
  ...new Map(awaited.map((stream) => [stream.userId, stream])).values(),
]
