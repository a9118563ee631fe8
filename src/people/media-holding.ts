import { isRoomId } from '../core/ids.ts'
import { Prisma, type PrismaClient } from '../db/generated/prisma/client.ts'
import { type Holding, holdingPage, type Item } from './holdings.ts'

const FIRST_ROOM = '00000000-0000-0000-0000-000000000000'

/** Agora knows users by a number in the room, which alone says nothing about anybody. */
const namesUser = (userId: string) => Prisma.sql`"mediaId" = ${userId}
  AND "roomId" IN (SELECT "id" FROM "Room" WHERE "provider" <> 'agora')`

/** What media services report of the user in live rooms, and bans there. Both are deleted; a ban then stays at the service. */
export const createMediaHolding = (prisma: PrismaClient): Holding => ({
  name: 'mediaStays',
  columns: { MediaStay: ['mediaId'], MediaBan: ['mediaId'] },

  async read(userId, { after, limit }) {
    const items = await prisma.$queryRaw<Item[]>`
      SELECT "roomId"::text, "present", "lost", "at",
             EXISTS (SELECT FROM "MediaBan" ban WHERE ban."roomId" = stay."roomId" AND ban."mediaId" = stay."mediaId") AS banned
        FROM "MediaStay" stay WHERE ${namesUser(userId)}
         AND "roomId" > ${after !== null && isRoomId(after) ? after : FIRST_ROOM}::uuid
       ORDER BY "roomId" LIMIT ${limit + 1}`
    return holdingPage(items, limit, ({ roomId }) => String(roomId))
  },

  async erase({ userId }) {
    await prisma.$executeRaw`DELETE FROM "MediaBan" WHERE ${namesUser(userId)}`
    await prisma.$executeRaw`DELETE FROM "MediaStay" WHERE ${namesUser(userId)}`
    return false
  },
})
