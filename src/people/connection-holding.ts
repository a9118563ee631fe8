import type { PrismaClient } from '../db/generated/prisma/client.ts'
import { type Holding, holdingPage, type Item, offsetOf } from './holdings.ts'

/** The nodes at which the user has a live stream of incoming calls. Deleted; an erasure closes the streams as well. */
export const createConnectionHolding = (prisma: PrismaClient): Holding => ({
  name: 'connections',
  columns: { ConnectedUser: ['userId'] },

  async read(userId, { after, limit }) {
    const offset = offsetOf(after)
    const items = await prisma.$queryRaw<Item[]>`
      SELECT "nodeId"::text FROM "ConnectedUser" WHERE "userId" = ${userId}
       ORDER BY "nodeId" OFFSET ${offset} LIMIT ${limit + 1}`
    return holdingPage(items, limit, () => String(offset + limit))
  },

  async erase({ userId }) {
    await prisma.$executeRaw`DELETE FROM "ConnectedUser" WHERE "userId" = ${userId}`
    return false
  },
})
