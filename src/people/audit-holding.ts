import { isRoomId } from '../core/ids.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'
import { type Holding, holdingPage, type Item } from './holdings.ts'
import type { RoomEraser } from './rooms-holding.ts'

const BATCH = 50
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * What the user did as an administrator. The entries stay, with the pseudonym; so do the rooms that they concern, in whose
 * logs the user is named without being a participant.
 */
export const createAuditHolding = (prisma: PrismaClient, eraser: RoomEraser): Holding => ({
  name: 'auditEntries',
  columns: { AuditEntry: ['actorId'], Disconnection: ['userId'], Erasure: ['userId'] },

  async read(userId, { after, limit }) {
    const items = await prisma.$queryRaw<Item[]>`
      SELECT "id"::text, "at", "action", "roomId"::text FROM "AuditEntry"
       WHERE "actorId" = ${userId} AND "id" < ${after !== null && isRoomId(after) ? after : LAST_ID}::uuid ORDER BY "id" DESC LIMIT ${limit + 1}`
    return holdingPage(items, limit, ({ id }) => String(id))
  },

  async erase(user) {
    const { userId, pseudonym } = user
    await prisma.$executeRaw`DELETE FROM "Disconnection" WHERE "userId" = ${userId}`
    const entries = await prisma.$queryRaw<{ id: string; roomId: string | null }[]>`
      SELECT entry."id"::text, room."id"::text AS "roomId"
        FROM "AuditEntry" entry LEFT JOIN "Room" room ON room."id" = entry."roomId"
       WHERE entry."actorId" = ${userId} LIMIT ${BATCH}`
    for (const roomId of new Set(entries.map((entry) => entry.roomId))) {
      if (roomId !== null) while (await eraser.erase(roomId, user));
    }
    await prisma.$executeRaw`
      UPDATE "AuditEntry" SET "actorId" = ${pseudonym} WHERE "id" = ANY(${entries.map(({ id }) => id)}::uuid[])`
    return entries.length > 0
  },
})
