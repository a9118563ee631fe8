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

export interface RingChecker {
  /** Reads everything with one statement. */
  check(query: {
    readonly callerId: string
    readonly userIds: readonly string[]
    readonly now: Date
    readonly liveRoomsMax: number
    readonly ringingMax: number
  }): Promise<RingCheck>
}

/** Parameters: $1, the caller; $2, the users; $3, the present time; $4, `liveRoomsMax`; $5, `ringingMax`. */
const CHECK = statement(`
SELECT (SELECT count(*)::int FROM (
          SELECT FROM "Room" WHERE "callerId" = $1::text AND "status" IN ('waiting', 'active')
           LIMIT $4::integer) live) AS "liveRooms",
       ARRAY(SELECT "userId" FROM "Block"
              WHERE "blockedId" = $1::text AND "userId" = ANY($2::text[])) AS "blockedBy",
       ARRAY(SELECT "userId" FROM "Participant"
              WHERE "userId" = ANY($2::text[]) AND "ringsUntil" > $3::timestamptz AND "state" = 'invited'
                AND "role" <> 'caller' AND "silent" IS NOT TRUE
              GROUP BY "userId" HAVING count(*) >= $5::integer) AS "atRingLimit",
       ARRAY(SELECT DISTINCT connected."userId" FROM "ConnectedUser" connected
               JOIN "Node" node ON node."id" = connected."nodeId"
                AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER})
              WHERE connected."userId" = ANY($2::text[])) AS "connected"`)

interface CheckRow {
  readonly liveRooms: number
  readonly blockedBy: readonly string[]
  readonly atRingLimit: readonly string[]
  readonly connected: readonly string[]
}

export function createRingChecker(statements: Statements): RingChecker {
  return {
    async check({ callerId, userIds, now, liveRoomsMax, ringingMax }) {
      const values = [callerId, userIds, now.toISOString(), liveRoomsMax, ringingMax]
      const [row] = await statements.run<CheckRow>(CHECK, values)
      return {
        liveRooms: row?.liveRooms ?? 0,
        blockedBy: new Set(row?.blockedBy),
        atRingLimit: new Set(row?.atRingLimit),
        connected: new Set(row?.connected),
      }
    },
  }
}
