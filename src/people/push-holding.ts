import { isRoomId } from '../core/ids.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'
import { type Holding, holdingPage, type Item } from './holdings.ts'

const FIRST_ID = '00000000-0000-0000-0000-000000000000'
/** A user has at most a few dozen. */
const BATCH = 1_000

/** Where the user's calls are pushed to. The keys, which nobody but the gateway needs, are not exported. */
export const createPushHolding = (prisma: PrismaClient): Holding => ({
  name: 'pushSubscriptions',
  columns: { PushSubscription: ['userId', 'data'] },

  async read(userId, { after, limit }) {
    const items = await prisma.$queryRaw<Item[]>`
      SELECT "id"::text, "deviceId", "endpoint", "appId", "pushkey", "data", "createdAt", "usedAt"
        FROM "PushSubscription"
       WHERE "userId" = ${userId} AND "id" > ${after !== null && isRoomId(after) ? after : FIRST_ID}::uuid
       ORDER BY "id" LIMIT ${limit + 1}`
    return holdingPage(items, limit, ({ id }) => String(id))
  },

  async erase({ userId }) {
    const deleted = await prisma.$executeRaw`
      DELETE FROM "PushSubscription" WHERE "id" IN (
        SELECT "id" FROM "PushSubscription" WHERE "userId" = ${userId} LIMIT ${BATCH})`
    return deleted > 0
  },
})
