import { isUserId } from '../core/actor.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'
import { type Holding, holdingPage, type Item } from './holdings.ts'

const BATCH = 1_000

/** Blocks by the user, which are exported, and of the user, which belong to others. Both are deleted. */
export const createBlockHolding = (prisma: PrismaClient): Holding => ({
  name: 'blocks',
  columns: { Block: ['userId', 'blockedId'] },

  async read(userId, { after, limit }) {
    const items = await prisma.$queryRaw<Item[]>`
      SELECT "blockedId", "at" FROM "Block" WHERE "userId" = ${userId} AND "blockedId" > ${isUserId(after) ? after : ''}
       ORDER BY "blockedId" LIMIT ${limit + 1}`
    return holdingPage(items, limit, ({ blockedId }) => String(blockedId))
  },

  async erase({ userId }) {
    const deleted = await prisma.$executeRaw`
      DELETE FROM "Block" WHERE ("userId", "blockedId") IN (
        (SELECT "userId", "blockedId" FROM "Block" WHERE "userId" = ${userId} LIMIT ${BATCH})
        UNION (SELECT "userId", "blockedId" FROM "Block" WHERE "blockedId" = ${userId} LIMIT ${BATCH}))`
    return deleted > 0
  },
})
