import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** The checks before a user calls or invites others. */
export interface RingCheck {
  /** Rooms of the caller that have not ended; counting stops at `liveRoomsMax`. */
  readonly liveRooms: number
  /** Users who have blocked the caller. */
  readonly blockedBy: ReadonlySet<string>
  /** Users for whom `ringingMax` calls and invitations are ringing. */
  readonly atRingLimit: ReadonlySet<string>
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

export function createRingChecker(prisma: PrismaClient): RingChecker {
  return {
    async check({ callerId, userIds, now, liveRoomsMax, ringingMax }) {
      const [row] = await prisma.$queryRaw<{ liveRooms: number; blockedBy: string[]; atRingLimit: string[] }[]>`
        SELECT (SELECT count(*)::int FROM (
                  SELECT FROM "Room" WHERE "callerId" = ${callerId} AND "status" IN ('waiting', 'active')
                   LIMIT ${liveRoomsMax}) live) AS "liveRooms",
               ARRAY(SELECT "userId" FROM "Block"
                      WHERE "blockedId" = ${callerId} AND "userId" = ANY(${userIds})) AS "blockedBy",
               ARRAY(SELECT "userId" FROM "Participant"
                      WHERE "userId" = ANY(${userIds}) AND "ringsUntil" > ${now} AND "state" = 'invited'
                        AND "role" <> 'caller' AND "silent" IS NOT TRUE
                      GROUP BY "userId" HAVING count(*) >= ${ringingMax}) AS "atRingLimit"`
      return {
        liveRooms: row?.liveRooms ?? 0,
        blockedBy: new Set(row?.blockedBy),
        atRingLimit: new Set(row?.atRingLimit),
      }
    },
  }
}
