import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** Rows that one statement deletes, so that it takes milliseconds and holds few locks. */
const ROWS_MAX = 1_000
/** Rooms that one statement considers. */
const ROOMS_MAX = 200

/** Deletes of ended rooms. Any number of nodes may call it at the same time. */
export interface RetentionStore {
  /**
   * Deletes one batch of the rooms that ended at or before `cutoff`, oldest first, with everything that belongs to them.
   *
   * A room with more rows than a batch is hidden first: from then on it does not exist for readers and writers. Its events
   * and participants are deleted by this batch and the following ones.
   *
   * @returns whether there may be more to delete
   */
  deleteBatch(cutoff: Date): Promise<boolean>
  /**
   * Deletes one batch of a room that has ended; the room is hidden at once.
   *
   * @returns whether there may be more to delete
   */
  deleteRoom(roomId: string): Promise<boolean>
}

interface DueRoom {
  readonly id: string
  /** Its events and participants, counted up to `ROWS_MAX + 1` each. */
  readonly rows: number
}

export function createRetentionStore(prisma: PrismaClient): RetentionStore {
  const due = (cutoff: Date): Promise<readonly DueRoom[]> => prisma.$queryRaw<DueRoom[]>`
    /* sweep */
    SELECT room."id"::text,
           (SELECT count(*)::int FROM (SELECT FROM "RoomEvent" WHERE "roomId" = room."id" LIMIT ${ROWS_MAX + 1}) events)
         + (SELECT count(*)::int FROM (SELECT FROM "Participant" WHERE "roomId" = room."id" LIMIT ${ROWS_MAX + 1}) people)
           AS rows
      FROM "Room" room WHERE room."endedAt" <= ${cutoff} ORDER BY room."endedAt" LIMIT ${ROOMS_MAX}`

  /** Foreign keys delete what belongs to the rooms. Skips rooms that another node is deleting. */
  const deleteRooms = (roomIds: readonly string[], cutoff: Date): Promise<number> => prisma.$executeRaw`
    /* sweep */
    DELETE FROM "Room" WHERE "id" IN (
      SELECT "id" FROM "Room" WHERE "id" = ANY(${roomIds}::uuid[]) AND "endedAt" <= ${cutoff} FOR UPDATE SKIP LOCKED)`

  /** No event has number 0, so reads and commits, which look for a room's `seq`, find nothing. */
  const hide = (roomId: string, cutoff: Date): Promise<number> => prisma.$executeRaw`
    /* sweep */
    UPDATE "Room" SET "seq" = 0, "clientRequestId" = NULL, "requestHash" = NULL
     WHERE "id" = ${roomId}::uuid AND "endedAt" <= ${cutoff} AND "seq" > 0`

  const deleteEvents = (roomId: string): Promise<number> => prisma.$executeRaw`
    /* sweep */
    DELETE FROM "RoomEvent" WHERE "roomId" = ${roomId}::uuid AND "seq" <= (
      SELECT max("seq") FROM (
        SELECT "seq" FROM "RoomEvent" WHERE "roomId" = ${roomId}::uuid ORDER BY "seq" LIMIT ${ROWS_MAX}) first)`

  const deleteParticipants = (roomId: string): Promise<number> => prisma.$executeRaw`
    /* sweep */
    DELETE FROM "Participant" WHERE "roomId" = ${roomId}::uuid AND "userId" IN (
      SELECT "userId" FROM "Participant" WHERE "roomId" = ${roomId}::uuid LIMIT ${ROWS_MAX})`

  const deletePart = async (roomId: string, cutoff: Date): Promise<void> => {
    await hide(roomId, cutoff)
    if ((await deleteEvents(roomId)) === 0) await deleteParticipants(roomId)
  }

  return {
    async deleteRoom(roomId) {
      const [room] = await prisma.$queryRaw<{ endedAt: Date; rows: number }[]>`
        SELECT "endedAt",
               (SELECT count(*)::int FROM (SELECT FROM "RoomEvent" WHERE "roomId" = room."id" LIMIT ${ROWS_MAX + 1}) events)
             + (SELECT count(*)::int FROM (SELECT FROM "Participant" WHERE "roomId" = room."id" LIMIT ${ROWS_MAX + 1}) people)
               AS rows
          FROM "Room" room WHERE room."id" = ${roomId}::uuid AND room."endedAt" IS NOT NULL`
      if (!room) return false
      if (room.rows > ROWS_MAX) await deletePart(roomId, room.endedAt)
      else await deleteRooms([roomId], room.endedAt)
      return room.rows > ROWS_MAX
    },

    async deleteBatch(cutoff) {
      const rooms = await due(cutoff)
      const [oldest] = rooms
      if (!oldest) return false
      if (oldest.rows > ROWS_MAX) {
        await deletePart(oldest.id, cutoff)
        return true
      }
      const batch = withinRows(rooms)
      await deleteRooms(batch, cutoff)
      return batch.length < rooms.length || rooms.length === ROOMS_MAX
    },
  }
}

/** The ids of the first rooms that have at most `ROWS_MAX` rows together. */
function withinRows(rooms: readonly DueRoom[]): string[] {
  let total = 0
  return rooms
    .filter(({ rows }) => {
      total += rows
      return total <= ROWS_MAX
    })
    .map(({ id }) => id)
}
