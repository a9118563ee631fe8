import { BatchQueue } from '../core/batch-queue.ts'
import { DEAD_AFTER } from '../core/timeouts.ts'
import { statement, type Statements } from '../db/statement.ts'

/** The checks before a user calls or invites others. */
export interface RingCheck {
  /** Rooms of the caller that have not ended; counting stops at `liveRoomsMax`. */
  readonly liveRooms: number
  /** Users who have blocked the caller. */
  readonly blockedBy: ReadonlySet<string>
  /** Users for whom `ringingMax` calls and invitations are ringing. */
  readonly atRingLimit: ReadonlySet<string>
  /** Users with a live stream of incoming calls at a node that is alive. */
  readonly connected: ReadonlySet<string>
}

export interface RingQuery {
  readonly callerId: string
  readonly userIds: readonly string[]
  readonly now: Date
  readonly liveRoomsMax: number
  readonly ringingMax: number
}

export interface RingChecker {
  /** Reads everything with one statement, which queries that have to wait share. */
  check(query: RingQuery): Promise<RingCheck>
}

/** Statements in flight at the same time. */
const CONCURRENCY = 2
/** Largest numbers of queries, and of their users, in one statement. A single query may have more users. */
const BATCH = { queries: 64, users: 1000 } as const

/** Parameter: $1, the queries as a JSON array. Returns their results in the same order. */
const CHECK = statement(`
SELECT (SELECT count(*)::int FROM (
          SELECT FROM "Room" WHERE "callerId" = query."callerId" AND "status" IN ('waiting', 'active')
           LIMIT query."liveRoomsMax") live) AS "liveRooms",
       ARRAY(SELECT "userId" FROM "Block"
              WHERE "blockedId" = query."callerId" AND "userId" = ANY(query."userIds")) AS "blockedBy",
       ARRAY(SELECT "userId" FROM "Participant"
              WHERE "userId" = ANY(query."userIds") AND "ringsUntil" > query."now" AND "state" = 'invited'
                AND "role" <> 'caller' AND "silent" IS NOT TRUE
              GROUP BY "userId" HAVING count(*) >= query."ringingMax") AS "atRingLimit",
       ARRAY(SELECT DISTINCT connected."userId" FROM "ConnectedUser" connected
               JOIN "Node" node ON node."id" = connected."nodeId"
                AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER})
              WHERE connected."userId" = ANY(query."userIds")) AS "connected"
  FROM json_to_recordset($1::json)
       AS query("nth" integer, "callerId" text, "userIds" text[], "now" timestamptz, "liveRoomsMax" integer,
                "ringingMax" integer)
 ORDER BY query."nth"`)

interface CheckRow {
  readonly liveRooms: number
  readonly blockedBy: readonly string[]
  readonly atRingLimit: readonly string[]
  readonly connected: readonly string[]
}

export function createRingChecker(statements: Statements): RingChecker {
  const shared = new BatchQueue<RingQuery, RingCheck>({
    concurrency: CONCURRENCY,
    batchMax: BATCH.queries,
    fits(first) {
      let users = first.userIds.length
      return ({ userIds }) => (users += userIds.length) <= BATCH.users
    },
    async run(queries) {
      const given = JSON.stringify(queries.map((query, nth) => ({ ...query, nth })))
      const rows = await statements.run<CheckRow>(CHECK, [given])
      const checks = new Map(queries.map((query, nth) => [query, toCheck(rows[nth])]))
      return (query) => checks.get(query) ?? toCheck(undefined)
    },
  })
  return { check: (query) => shared.add(query) }
}

const toCheck = (row: CheckRow | undefined): RingCheck => ({
  liveRooms: row?.liveRooms ?? 0,
  blockedBy: new Set(row?.blockedBy),
  atRingLimit: new Set(row?.atRingLimit),
  connected: new Set(row?.connected),
})
