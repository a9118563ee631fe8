import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** A blocked user. */
export interface BlockedUser {
  readonly userId: string
  readonly blockedAt: Date
}

export interface BlockStore {
  /** Blocks a user; returns an existing block unchanged, or null if `max` users are blocked. */
  put(userId: string, blockedId: string, options: { at: Date; max: number }): Promise<BlockedUser | null>
  delete(userId: string, blockedId: string): Promise<void>
  /** Lists the blocked users in the order of their ids. */
  list(userId: string): Promise<readonly BlockedUser[]>
}

export function createBlockStore(prisma: PrismaClient): BlockStore {
  return {
    async put(userId, blockedId, { at, max }) {
      const [row] = await prisma.$queryRaw<BlockedUser[]>`
        WITH fresh AS (
          INSERT INTO "Block" ("userId", "blockedId", "at")
          SELECT ${userId}, ${blockedId}, ${at}
           WHERE (SELECT count(*) FROM "Block" WHERE "userId" = ${userId}) < ${max}
          ON CONFLICT DO NOTHING RETURNING "blockedId", "at"
        )
        SELECT "blockedId" AS "userId", "at" AS "blockedAt" FROM fresh
        UNION ALL
        SELECT "blockedId", "at" FROM "Block" WHERE "userId" = ${userId} AND "blockedId" = ${blockedId}`
      return row ?? null
    },

    async delete(userId, blockedId) {
      await prisma.$executeRaw`DELETE FROM "Block" WHERE "userId" = ${userId} AND "blockedId" = ${blockedId}`
    },

    list: (userId) => prisma.$queryRaw<BlockedUser[]>`
      SELECT "blockedId" AS "userId", "at" AS "blockedAt" FROM "Block" WHERE "userId" = ${userId} ORDER BY "blockedId"`,
  }
}
