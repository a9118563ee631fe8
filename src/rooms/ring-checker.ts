import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** What matters before somebody rings others. */
export interface RingCheck {
  /** Rooms of the caller that have not ended; counted no further than was asked for. */
  readonly liveRooms: number
  /** Those who have blocked the caller. */
  readonly blockedBy: ReadonlySet<string>
  /** Those for whom as much rings as may. */
  readonly atRingLimit: ReadonlySet<string>
}

export interface RingChecker {
  /** One statement. */
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
      const [row] = await prisma.$queryRaw<{ liveRooms: number; blocking: string[]; overRung: string[] }[]>`
        SELECT (SELECT count(*)::int FROM (
                  SELECT FROM "Room" WHERE "callerId" = ${callerId} AND "status" IN ('waiting', 'active')
                   LIMIT ${liveRoomsMax}) live) AS "liveRooms",
               ARRAY(SELECT "userId" FROM "Block"
                      WHERE "blockedId" = ${callerId} AND "userId" = ANY(${userIds})) AS blocking,
               ARRAY(SELECT "userId" FROM "Participant"
                      WHERE "userId" = ANY(${userIds}) AND "ringsUntil" > ${now} AND "state" = 'invited'
                        AND "role" <> 'caller' AND "silent" IS NOT TRUE
                      GROUP BY "userId" HAVING count(*) >= ${ringingMax}) AS "overRung"`
      return {
        liveRooms: row?.liveRooms ?? 0,
        blockedBy: new Set(row?.blocking),
        atRingLimit: new Set(row?.overRung),
      }
    },
  }
}
