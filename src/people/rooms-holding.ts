import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { isRoomId } from '../core/ids.ts'
import { Prisma, type PrismaClient } from '../db/generated/prisma/client.ts'
import type { RetentionStore } from '../retention/store.ts'
import type { Executor } from '../rooms/executor.ts'
import { findParticipant, type Room } from '../rooms/model.ts'
import { type ErasedUser, type Holding, holdingPage, type Item, offsetOf } from './holdings.ts'

/** Rooms per batch. */
const ROOMS = 20
/** Events of a room that one statement rewrites. */
const EVENTS = 1_000
/** Items of a page whose size in bytes may be large. */
const LARGE_ITEMS = 20

/** Replaces a user by a pseudonym in single rooms. */
export interface RoomEraser {
  /**
   * Erases a user from a room. A room of nobody else is deleted; in any other the user leaves, and the pseudonym replaces
   * their id in its row, its participants and its log. The numbers and the order of the events stay the same.
   *
   * A live room gets one further event, ROOM_UPDATED with the pseudonymous rows. It makes every node's cached room fail
   * the `seq` check, and every subscriber's node replace the participant, which it finds by ordinal.
   *
   * @returns whether there is more to erase in this room
   */
  erase(roomId: string, user: ErasedUser): Promise<boolean>
}

interface Dependencies {
  readonly prisma: PrismaClient
  readonly executor: Pick<Executor, 'load' | 'execute'>
  readonly retention: Pick<RetentionStore, 'deleteRoom'>
  readonly clock: Clock
  /** Called after the log of a room was rewritten: no node may use what it has read of it. Neither throws nor blocks. */
  onRewritten(roomId: string): void
}

export function createRoomEraser({ prisma, executor, retention, clock, onRewritten }: Dependencies): RoomEraser {
  /** Takes the user out of the live room; ends the room if nobody else is in it. */
  const takeOut = async (room: Room, userId: string): Promise<void> => {
    const participant = findParticipant(room, userId)
    if (room.status === 'ended') return
    const actor = { id: userId, scopes: new Set<string>() }
    if (participant?.state === 'joined' || participant?.state === 'invited') {
      const leave = { type: 'leave', actor, deviceId: null, sessionId: null, after: 0 } as const
      await executor.execute(room.id, leave)
    }
    if (isTheirs(room, userId)) {
      await executor.execute(room.id, { type: 'end', actor: { ...actor, scopes: new Set(['rtc:admin']) } })
    }
  }

  /** Rewrites the events before the last `EVENTS`, statement by statement. Readers find participants by ordinal meanwhile. */
  const rewriteOldEvents = async ({ id, seq }: Room, user: ErasedUser, owns: boolean): Promise<void> => {
    for (let after = 0; after + EVENTS < seq; after += EVENTS) {
      await prisma.$executeRaw(rewriteEvents(id, { after, upTo: after + EVENTS }, user, owns))
    }
  }

  /** Leaves the participant row of a user who has joined again since; the next batch finds it. */
  const replace = async (room: Room, { userId, pseudonym }: ErasedUser, owns: boolean): Promise<void> => {
    const { id, seq } = room
    const from = Math.max(0, Math.floor((seq - 1) / EVENTS) * EVENTS)
    await prisma.$transaction([
      // Excludes commits and snapshots until the end of the transaction.
      prisma.$queryRaw`SELECT FROM "Room" WHERE "id" = ${id}::uuid FOR UPDATE`,
      prisma.$executeRaw(rewriteEvents(id, { after: from, upTo: NEWEST }, { userId, pseudonym }, owns)),
      prisma.$executeRaw`
        UPDATE "Participant" SET "userId" = ${pseudonym}, "deviceId" = NULL, "sessionId" = NULL
         WHERE "roomId" = ${id}::uuid AND "userId" = ${userId}
           AND ("state" NOT IN ('joined', 'invited')
                OR EXISTS (SELECT FROM "Room" WHERE "id" = ${id}::uuid AND "status" = 'ended'))`,
      prisma.$executeRaw`
        WITH erased AS (
          SELECT jsonb_populate_record(room, "eraseInRow"(to_jsonb(room), ${userId}, ${pseudonym}, ${owns})) AS row
            FROM "Room" room WHERE room."id" = ${id}::uuid
        )
        UPDATE "Room" room SET
               "callerId" = (erased.row)."callerId", "calleeId" = (erased.row)."calleeId", "hostId" = (erased.row)."hostId",
               "createdBy" = (erased.row)."createdBy", "endedBy" = (erased.row)."endedBy",
               "name" = (erased.row)."name", "metadata" = nullif((erased.row)."metadata", 'null'),
               "clientRequestId" = (erased.row)."clientRequestId", "requestHash" = (erased.row)."requestHash",
               "seq" = CASE WHEN room."status" = 'ended' THEN room."seq" ELSE room."seq" + 1 END
          FROM erased WHERE room."id" = ${id}::uuid`,
      prisma.$executeRaw`
        INSERT INTO "RoomEvent" ("roomId", "seq", "type", "data", "at")
        SELECT room."id", room."seq", 'room_updated', jsonb_build_object(
                 'room', jsonb_build_object(
                   'callerId', room."callerId", 'calleeId', room."calleeId", 'hostId', room."hostId",
                   'createdBy', room."createdBy", 'name', room."name", 'metadata', room."metadata",
                   'clientRequestId', room."clientRequestId", 'requestHash', room."requestHash"),
                 'participants', (SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') FROM "Participant" p
                                   WHERE p."roomId" = room."id" AND p."userId" = ${pseudonym})), ${clock.now()}
          FROM "Room" room WHERE room."id" = ${id}::uuid AND room."status" <> 'ended'`,
      prisma.$executeRaw`DELETE FROM "RoomSnapshot" WHERE "roomId" = ${id}::uuid`,
      prisma.$executeRaw`DELETE FROM "Signal" WHERE "roomId" = ${id}::uuid AND (${userId} IN ("toId", "fromId"))`,
      prisma.$executeRaw`DELETE FROM "Mailbox" WHERE "roomId" = ${id}::uuid AND "userId" = ${userId}`,
      prisma.$executeRaw`DELETE FROM "Lease" WHERE "roomId" = ${id}::uuid AND "userId" = ${userId}`,
      prisma.$executeRaw`DELETE FROM "AwaitedStream" WHERE "roomId" = ${id}::uuid AND "userId" = ${userId}`,
    ])
  }

  return {
    async erase(roomId, user) {
      const { userId } = user
      const before = await loadOrNull(executor, roomId)
      // A room that the retention is deleting.
      if (!before) return retention.deleteRoom(roomId)
      await takeOut(before, userId)
      const room = await loadOrNull(executor, roomId)
      if (!room || isTheirs(room, userId)) {
        onRewritten(roomId)
        return retention.deleteRoom(roomId)
      }
      const owns = room.createdBy === userId || room.callerId === userId
      await rewriteOldEvents(room, user, owns)
      await replace(room, user, owns)
      onRewritten(roomId)
      return false
    },
  }
}

/** Upper end of an unbounded range: the largest value of the column `seq`. */
const NEWEST = 2_147_483_647

const isTheirs = ({ participants }: Room, userId: string): boolean =>
  !participants.find((participant) => participant.userId !== userId)

async function loadOrNull(executor: Pick<Executor, 'load'>, roomId: string): Promise<Room | null> {
  try {
    return await executor.load(roomId)
  } catch (error) {
    if (error instanceof RtcError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

/** Rewrites the events of a range that name the user, or whose name or metadata was theirs. */
function rewriteEvents(
  roomId: string,
  { after, upTo }: { readonly after: number; readonly upTo: number },
  { userId, pseudonym }: ErasedUser,
  owns: boolean,
): Prisma.Sql {
  return Prisma.sql`
    UPDATE "RoomEvent" SET
           "actorId" = CASE WHEN "actorId" = ${userId} THEN ${pseudonym} ELSE "actorId" END,
           "subjectId" = CASE WHEN "subjectId" = ${userId} THEN ${pseudonym} ELSE "subjectId" END,
           "data" = "eraseInEvent"("data", ${userId}, ${pseudonym}, ${owns})
     WHERE "roomId" = ${roomId}::uuid AND "seq" > ${after} AND "seq" <= ${upTo}
       AND ("actorId" = ${userId} OR "subjectId" = ${userId} OR strpos("data"::text, to_jsonb(${userId}::text)::text) > 0
            OR (${owns} AND "data" -> 'room' ?| ARRAY['name', 'metadata', 'clientRequestId']))`
}

/** Rooms in which the user is or was a participant, or which they created; and everything in them. */
export function createRoomHoldings(prisma: PrismaClient, eraser: RoomEraser): readonly Holding[] {
  const rooms: Holding = {
    name: 'rooms',
    columns: {
      Room: ['callerId', 'calleeId', 'createdBy', 'endedBy', 'hostId', 'metadata'],
      Participant: ['userId'],
      RoomSnapshot: ['fields', 'participants'],
      AwaitedStream: ['userId'],
      Mailbox: ['userId'],
    },

    async read(userId, { after, limit: asked }) {
      const limit = Math.min(asked, LARGE_ITEMS)
      const before = after === null || !isRoomId(after) ? LAST_ID : after
      const rows = await prisma.$queryRaw<{ id: string; room: Item; participant: Item | null }[]>`
        SELECT room."id"::text, to_jsonb(me) AS participant,
               CASE WHEN room."createdBy" = ${userId} THEN to_jsonb(room)
                    ELSE to_jsonb(room) - 'clientRequestId' - 'requestHash' END AS room
          FROM (SELECT "roomId" AS id FROM "Participant" WHERE "userId" = ${userId} AND "roomId" < ${before}::uuid
                 ORDER BY "roomId" DESC LIMIT ${limit + 1}) joined
          FULL JOIN (SELECT "id" FROM "Room" WHERE "createdBy" = ${userId} AND "id" < ${before}::uuid
                      ORDER BY "id" DESC LIMIT ${limit + 1}) created USING ("id")
          JOIN "Room" room USING ("id")
          LEFT JOIN "Participant" me ON me."roomId" = room."id" AND me."userId" = ${userId}
         WHERE room."seq" > 0
         ORDER BY room."id" DESC LIMIT ${limit + 1}`
      return holdingPage(rows, limit, ({ id }) => String(id))
    },

    async erase(user) {
      const found = await prisma.$queryRaw<{ id: string }[]>`
        (SELECT "roomId"::text AS id FROM "Participant" WHERE "userId" = ${user.userId} LIMIT ${ROOMS})
        UNION (SELECT "id"::text FROM "Room" WHERE "createdBy" = ${user.userId} LIMIT ${ROOMS})`
      for (const { id } of found) await eraser.erase(id, user)
      return found.length > 0
    },
  }

  const events: Holding = {
    name: 'events',
    columns: { RoomEvent: ['actorId', 'subjectId', 'data'] },

    async read(userId, { after, limit }) {
      const [roomId = '', seq = ''] = after?.split(':') ?? []
      const [fromRoom, fromSeq] = isRoomId(roomId) ? [roomId, offsetOf(seq)] : [FIRST_ID, 0]
      const rows = await prisma.$queryRaw<Item[]>`
        SELECT event."roomId"::text, event."seq", event."type"::text, event."actorId", event."subjectId", event."at",
               CASE WHEN event."actorId" = ${userId} THEN event."data" -> 'room' END AS room,
               (SELECT jsonb_agg(person) FROM jsonb_array_elements(event."data" -> 'participants') person
                 WHERE person ->> 'userId' = ${userId}) AS participants
          FROM "Participant" me JOIN "RoomEvent" event ON event."roomId" = me."roomId"
         WHERE me."userId" = ${userId} AND me."roomId" >= ${fromRoom}::uuid
           AND (event."roomId", event."seq") > (${fromRoom}::uuid, ${fromSeq})
           AND (event."actorId" = ${userId} OR event."subjectId" = ${userId}
                OR event."data" -> 'participants' @> jsonb_build_array(jsonb_build_object('userId', ${userId}::text)))
         ORDER BY event."roomId", event."seq" LIMIT ${limit + 1}`
      return holdingPage(rows, limit, ({ roomId, seq }) => `${String(roomId)}:${String(seq)}`)
    },
  }

  const signals: Holding = {
    name: 'signals',
    columns: { Signal: ['fromId', 'toId', 'payload'] },

    async read(userId, { after, limit: asked }) {
      const limit = Math.min(asked, LARGE_ITEMS)
      const offset = offsetOf(after)
      const items = await prisma.$queryRaw<Item[]>`
        SELECT signal."roomId"::text, signal."fromId", signal."toId", signal."seq", signal."type"::text, signal."payload",
               signal."at"
          FROM "Participant" me JOIN "Signal" signal ON signal."roomId" = me."roomId"
         WHERE me."userId" = ${userId} AND (${userId} IN (signal."fromId", signal."toId"))
         ORDER BY signal."at", signal."roomId", signal."toId", signal."seq" LIMIT ${limit + 1} OFFSET ${offset}`
      return holdingPage(items, limit, () => String(offset + limit))
    },
  }

  const leases: Holding = {
    name: 'leases',
    columns: { Lease: ['userId'] },

    async read(userId, { after, limit }) {
      const offset = offsetOf(after)
      const items = await prisma.$queryRaw<Item[]>`
        SELECT lease."roomId"::text, lease."deviceId", lease."nodeId"::text
          FROM "Participant" me JOIN "Lease" lease ON lease."roomId" = me."roomId" AND lease."userId" = me."userId"
         WHERE me."userId" = ${userId}
         ORDER BY lease."roomId", lease."nodeId", lease."deviceId" LIMIT ${limit + 1} OFFSET ${offset}`
      return holdingPage(items, limit, () => String(offset + limit))
    },
  }

  return [rooms, events, signals, leases]
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000'
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
