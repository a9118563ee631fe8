import type { PrismaClient } from '../db/generated/prisma/client.ts'
import type { RoomEventType } from '../rooms/model.ts'

/**
 * A position in the order of all rooms' events: by transaction, then by room and `seq`. The events of one room are in the
 * order of `seq`, since each commit of a room begins after the previous one has ended.
 */
export interface LogPosition {
  /** The 64-bit id of the transaction, in decimal. */
  readonly xid: string
  readonly roomId: string
  readonly seq: number
}

export interface ListedEvent extends LogPosition {
  readonly type: RoomEventType
  readonly at: Date
}

export interface LogPage {
  /** In the order of their positions. */
  readonly events: readonly ListedEvent[]
  /** There are committed events that an unfinished transaction may still precede. */
  readonly unsettled: boolean
}

/** The events of one room that a destination has not received: those with `after` < `seq` <= `upTo`. */
export interface RoomBacklog {
  readonly roomId: string
  readonly after: number
  readonly upTo: number
  /** Failed attempts to deliver the first event. */
  readonly attempts: number
  readonly nextAt: Date
  /** When the first event was committed. */
  readonly since: Date
}

/** Changes of a destination's state, written together. */
export interface Progress {
  readonly cursor: LogPosition
  /** A backlog with `after` = `upTo` is deleted. */
  readonly rooms: readonly RoomBacklog[]
}

export interface DeliveryStore {
  /** Places the cursors of new destinations at the end of the log: they receive the events committed from now on. */
  begin(destinationIds: readonly string[]): Promise<void>
  /**
   * Takes the leases of destinations that no other live node holds.
   *
   * @returns the destinations whose lease the node has taken, with their cursors
   */
  acquire(nodeId: string, destinationIds: readonly string[]): Promise<ReadonlyMap<string, LogPosition>>
  /** Extends leases. @returns the destinations whose lease the node still holds */
  renew(nodeId: string, destinationIds: readonly string[]): Promise<ReadonlySet<string>>
  release(nodeId: string, destinationId: string): Promise<void>
  backlog(destinationId: string): Promise<readonly RoomBacklog[]>
  /** Reads the log after a position, up to the oldest transaction that has not ended. */
  read(after: LogPosition, limit: number): Promise<LogPage>
  /** Writes progress if the node holds the lease. @returns whether it does */
  write(nodeId: string, destinationId: string, progress: Progress): Promise<boolean>
  /** Deletes a destination's cursor and backlog. */
  forget(destinationId: string): Promise<void>
}

/** Rooms in the backlog of one destination. */
export const BACKLOG_MAX = 5_000

/** Seconds after which another node may take a lease that was not extended. */
export const LEASE = 10

/** Before the first event of a transaction. */
const FIRST_ROOM = '00000000-0000-0000-0000-000000000000'

export function createDeliveryStore(prisma: PrismaClient): DeliveryStore {
  return {
    async begin(destinationIds) {
      await prisma.$executeRaw`
        /* delivery */
        INSERT INTO "DeliveryDestination" ("id", "xid", "roomId", "seq")
        SELECT id, pg_snapshot_xmin(pg_current_snapshot()), ${FIRST_ROOM}::uuid, 0
          FROM unnest(${destinationIds}::text[]) id ORDER BY id
        ON CONFLICT DO NOTHING`
    },

    async acquire(nodeId, destinationIds) {
      const rows = await prisma.$queryRaw<({ id: string } & LogPosition)[]>`
        /* delivery */
        UPDATE "DeliveryDestination" SET "nodeId" = ${nodeId}::uuid, "leasedUntil" = now() + make_interval(secs => ${LEASE})
         WHERE "id" IN (SELECT "id" FROM "DeliveryDestination"
                         WHERE "id" = ANY(${destinationIds}::text[]) 
                           AND ("nodeId" IS NULL OR "nodeId" = ${nodeId}::uuid OR "leasedUntil" < now())
                           FOR UPDATE SKIP LOCKED)
        RETURNING "id", "xid"::text, "roomId"::text, "seq"`
      return new Map(rows.map(({ id, ...position }) => [id, position]))
    },

    async renew(nodeId, destinationIds) {
      const rows = await prisma.$queryRaw<{ id: string }[]>`
        /* delivery */
        UPDATE "DeliveryDestination" SET "leasedUntil" = now() + make_interval(secs => ${LEASE})
         WHERE "id" = ANY(${destinationIds}::text[]) AND "nodeId" = ${nodeId}::uuid RETURNING "id"`
      return new Set(rows.map(({ id }) => id))
    },

    async release(nodeId, destinationId) {
      await prisma.$executeRaw`
        UPDATE "DeliveryDestination" SET "nodeId" = NULL, "leasedUntil" = NULL
         WHERE "id" = ${destinationId} AND "nodeId" = ${nodeId}::uuid`
    },

    backlog: (destinationId) => prisma.$queryRaw<RoomBacklog[]>`
      /* delivery */
      SELECT "roomId"::text, "after", "upTo", "attempts", "nextAt", "since"
        FROM "DeliveryBacklog" WHERE "destinationId" = ${destinationId} ORDER BY "since"`,

    async read({ xid, roomId, seq }, limit) {
      // Below the oldest unfinished transaction no event can appear any more: later transactions have higher ids.
      const [page] = await prisma.$queryRaw<
        { events: (LogPosition & { type: RoomEventType; at: string })[]; unsettled: boolean }[]
      >`
        /* delivery */
        SELECT (SELECT coalesce(json_agg(page), '[]') FROM (
                  SELECT event."xid"::text, event."roomId", event."seq", event."type", event."at"
                    FROM "RoomEvent" event
                   WHERE event."xid" >= ${xid}::text::xid8 AND event."xid" < pg_snapshot_xmin(pg_current_snapshot())
                     AND (event."xid", event."roomId", event."seq") > (${xid}::text::xid8, ${roomId}::uuid, ${seq}::int)
                   -- Unqualified, "xid" would be the text.
                   ORDER BY event."xid", event."roomId", event."seq" LIMIT ${limit}) page) AS events,
               EXISTS (SELECT FROM "RoomEvent" WHERE "xid" >= pg_snapshot_xmin(pg_current_snapshot())) AS unsettled`
      if (!page) return { events: [], unsettled: false }
      return { ...page, events: page.events.map((event) => ({ ...event, at: new Date(event.at) })) }
    },

    async write(nodeId, destinationId, { cursor, rooms }) {
      const rows = await prisma.$queryRaw<unknown[]>`
        /* delivery */
        WITH held AS (
          UPDATE "DeliveryDestination"
             SET "xid" = ${cursor.xid}::text::xid8, "roomId" = ${cursor.roomId}::uuid, "seq" = ${cursor.seq}
           WHERE "id" = ${destinationId} AND "nodeId" = ${nodeId}::uuid RETURNING "id" AS "destinationId"
        ), room AS (
          SELECT * FROM held, json_to_recordset(${JSON.stringify(rooms)}::json)
            AS room("roomId" uuid, "after" int, "upTo" int, "attempts" int, "nextAt" timestamptz, "since" timestamptz)
        ), done AS (
          DELETE FROM "DeliveryBacklog" backlog USING room
           WHERE room."after" >= room."upTo" AND backlog."roomId" = room."roomId"
             AND backlog."destinationId" = room."destinationId"
        ), open AS (
          INSERT INTO "DeliveryBacklog" ("destinationId", "roomId", "after", "upTo", "attempts", "nextAt", "since")
          SELECT "destinationId", "roomId", "after", "upTo", "attempts", "nextAt", "since" FROM room
           WHERE "after" < "upTo"
          ON CONFLICT ("destinationId", "roomId") DO UPDATE SET "after" = excluded."after", "upTo" = excluded."upTo",
            "attempts" = excluded."attempts", "nextAt" = excluded."nextAt", "since" = excluded."since"
        )
        SELECT FROM held`
      return rows.length > 0
    },

    async forget(destinationId) {
      await prisma.$executeRaw`DELETE FROM "DeliveryDestination" WHERE "id" = ${destinationId}`
    },
  }
}
