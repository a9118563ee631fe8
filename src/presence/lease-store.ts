import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** Whose stream lives at which node. */
export interface LeaseRow {
  readonly roomId: string
  readonly userId: string
  readonly nodeId: string
}

/** Leases and the heartbeats of the nodes that hold them. Times are the database's, so that nodes need not agree on one. */
export interface LeaseStore {
  hold(leases: readonly LeaseRow[]): Promise<void>
  drop(lease: LeaseRow): Promise<void>
  /** Whether a living node other than the lease's own holds one for the same participant. */
  isHeldElsewhere(lease: LeaseRow): Promise<boolean>
  /** Says that the node lives; answers whether others may have taken it for dead meanwhile. */
  beat(nodeId: string): Promise<{ missed: boolean }>
  /** Leases of dead nodes. */
  orphans(limit: number): Promise<readonly LeaseRow[]>
  /** Takes the node off the list. */
  signOff(nodeId: string): Promise<void>
}

/** A node that has not been seen for so many seconds is dead; its participants' grace begins before 15 s are over. */
export const DEAD_AFTER = 10

export function createLeaseStore(prisma: PrismaClient): LeaseStore {
  return {
    async hold(leases) {
      await prisma.$executeRaw`
        INSERT INTO "Lease" SELECT * FROM jsonb_populate_recordset(NULL::"Lease", ${JSON.stringify(leases)}::jsonb)
        ON CONFLICT DO NOTHING`
    },

    async drop({ roomId, userId, nodeId }) {
      await prisma.$executeRaw`
        DELETE FROM "Lease"
         WHERE "roomId" = ${roomId}::uuid AND "userId" = ${userId} AND "nodeId" = ${nodeId}::uuid`
    },

    async isHeldElsewhere({ roomId, userId, nodeId }) {
      const rows = await prisma.$queryRaw<unknown[]>`
        SELECT FROM "Lease" lease JOIN "Node" node ON node."id" = lease."nodeId"
         WHERE lease."roomId" = ${roomId}::uuid AND lease."userId" = ${userId} AND lease."nodeId" <> ${nodeId}::uuid
           AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER})`
      return rows.length > 0
    },

    async beat(nodeId) {
      const [row] = await prisma.$queryRaw<{ missed: boolean }[]>`
        /* heartbeat */
        WITH before AS (SELECT "seenAt" FROM "Node" WHERE "id" = ${nodeId}::uuid)
        INSERT INTO "Node" ("id", "startedAt", "seenAt") VALUES (${nodeId}::uuid, now(), now())
        ON CONFLICT ("id") DO UPDATE SET "seenAt" = now()
        RETURNING coalesce((SELECT "seenAt" < now() - make_interval(secs => ${DEAD_AFTER}) FROM before), true) AS missed`
      return { missed: row?.missed ?? true }
    },

    orphans: (limit) => prisma.$queryRaw<LeaseRow[]>`
      /* heartbeat */
      SELECT lease."roomId"::text, lease."userId", lease."nodeId"::text
        FROM "Lease" lease
       WHERE NOT EXISTS (SELECT FROM "Node" node WHERE node."id" = lease."nodeId"
                            AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER}))
       LIMIT ${limit}`,

    async signOff(nodeId) {
      await prisma.$executeRaw`DELETE FROM "Node" WHERE "id" = ${nodeId}::uuid`
    },
  }
}
