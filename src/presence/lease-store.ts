import { NO_DEVICE } from '../core/ids.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** A user's device in a room. */
export interface LeaseHolder {
  readonly roomId: string
  readonly userId: string
  /** Null for a stream without a deviceId. */
  readonly deviceId: string | null
}

/** A lease: the holder has a stream at the node. */
export interface LeaseRow extends LeaseHolder {
  readonly nodeId: string
}

/** A stream that was announced by a join and was not opened in time. */
export interface OverdueStream extends LeaseHolder {
  readonly sessionId: string
  readonly since: Date
}

/** Leases and the heartbeats of nodes. Uses the clock of the database, since the clocks of nodes may differ. */
export interface LeaseStore {
  /** Inserts leases, which may exist already, and stops awaiting their announced streams. */
  hold(leases: readonly LeaseRow[]): Promise<void>
  drop(lease: LeaseRow): Promise<void>
  /** Whether a live node, other than the excepted one, holds a lease of the device. */
  isHeld(holder: LeaseHolder, options?: { except?: string }): Promise<boolean>
  /** Writes the node's heartbeat with its figures. `missed` is true if other nodes may have considered the node dead since the last one. */
  beat(nodeId: string, figures: object): Promise<{ missed: boolean }>
  /** Reads leases of dead nodes. */
  orphans(limit: number): Promise<readonly LeaseRow[]>
  /** Number of nodes with a current heartbeat. */
  liveNodes(): Promise<number>
  /** Deletes the heartbeat of a node that stops. */
  deleteNode(nodeId: string): Promise<void>
  /** Reads announced streams that are overdue. */
  overdue(now: Date, limit: number): Promise<readonly OverdueStream[]>
  /** Deletes an announced stream, unless another session has announced one since. */
  stopAwaiting(overdue: OverdueStream): Promise<void>
}

/** Seconds without a heartbeat after which a node counts as dead. The grace of its participants begins within 15 s. */
export const DEAD_AFTER = 10

export function createLeaseStore(prisma: PrismaClient): LeaseStore {
  return {
    async hold(leases) {
      await prisma.$executeRaw`
        WITH lease AS (
          SELECT * FROM jsonb_populate_recordset(NULL::"Lease", ${JSON.stringify(leases.map(toRow))}::jsonb)
        ), opened AS (
          DELETE FROM "AwaitedStream" awaited USING lease
           WHERE awaited."roomId" = lease."roomId" AND awaited."userId" = lease."userId"
             AND awaited."deviceId" = lease."deviceId"
        )
        INSERT INTO "Lease" SELECT * FROM lease ON CONFLICT DO NOTHING`
    },

    async drop({ roomId, userId, deviceId, nodeId }) {
      await prisma.$executeRaw`
        DELETE FROM "Lease"
         WHERE "roomId" = ${roomId}::uuid AND "userId" = ${userId} AND "nodeId" = ${nodeId}::uuid
           AND "deviceId" = ${deviceId ?? NO_DEVICE}`
    },

    async isHeld({ roomId, userId, deviceId }, { except = NO_NODE } = {}) {
      const rows = await prisma.$queryRaw<unknown[]>`
        SELECT FROM "Lease" lease JOIN "Node" node ON node."id" = lease."nodeId"
         WHERE lease."roomId" = ${roomId}::uuid AND lease."userId" = ${userId}
           AND lease."deviceId" = ${deviceId ?? NO_DEVICE} AND lease."nodeId" <> ${except}::uuid
           AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER})`
      return rows.length > 0
    },

    async beat(nodeId, figures) {
      const [row] = await prisma.$queryRaw<{ missed: boolean }[]>`
        /* heartbeat */
        WITH before AS (SELECT "seenAt" FROM "Node" WHERE "id" = ${nodeId}::uuid)
        INSERT INTO "Node" ("id", "startedAt", "seenAt", "figures")
        VALUES (${nodeId}::uuid, now(), now(), ${JSON.stringify(figures)}::jsonb)
        ON CONFLICT ("id") DO UPDATE SET "seenAt" = now(), "figures" = excluded."figures"
        RETURNING coalesce((SELECT "seenAt" < now() - make_interval(secs => ${DEAD_AFTER}) FROM before), true) AS missed`
      return { missed: row?.missed ?? true }
    },

    async orphans(limit) {
      const rows = await prisma.$queryRaw<LeaseRow[]>`
        /* heartbeat */
        SELECT lease."roomId"::text, lease."userId", lease."nodeId"::text, lease."deviceId"
          FROM "Lease" lease
         WHERE NOT EXISTS (SELECT FROM "Node" node WHERE node."id" = lease."nodeId"
                              AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER}))
         LIMIT ${limit}`
      return rows.map(fromRow)
    },

    async liveNodes() {
      const [row] = await prisma.$queryRaw<{ nodes: number }[]>`
        /* metrics */
        SELECT count(*)::int AS nodes FROM "Node" WHERE "seenAt" > now() - make_interval(secs => ${DEAD_AFTER})`
      return row?.nodes ?? 0
    },

    async deleteNode(nodeId) {
      await prisma.$executeRaw`DELETE FROM "Node" WHERE "id" = ${nodeId}::uuid`
    },

    async overdue(now, limit) {
      const rows = await prisma.$queryRaw<OverdueStream[]>`
        /* sweep */
        SELECT "roomId"::text, "userId", "deviceId", "sessionId", "since" FROM "AwaitedStream"
         WHERE "until" <= ${now} ORDER BY "until" LIMIT ${limit}`
      return rows.map(fromRow)
    },

    async stopAwaiting({ roomId, userId, sessionId }) {
      await prisma.$executeRaw`
        DELETE FROM "AwaitedStream"
         WHERE "roomId" = ${roomId}::uuid AND "userId" = ${userId} AND "sessionId" = ${sessionId}`
    },
  }
}

/** No node has this id. */
const NO_NODE = '00000000-0000-0000-0000-000000000000'

const toRow = <T extends LeaseHolder>(holder: T) => ({ ...holder, deviceId: holder.deviceId ?? NO_DEVICE })
const fromRow = <T extends LeaseHolder>(row: T): T => ({
  ...row,
  deviceId: row.deviceId === NO_DEVICE ? null : row.deviceId,
})
