import { DEAD_AFTER } from '../core/timeouts.ts'
import type { Database } from '../db/client.ts'
import { statement } from '../db/statement.ts'
import type { NodeFigures } from '../presence/figures.ts'

/** A node with its last heartbeat. */
export interface GatewayNode {
  readonly id: string
  readonly startedAt: Date
  readonly seenAt: Date
  /** Its last heartbeat is recent. */
  readonly alive: boolean
  readonly figures: Partial<NodeFigures> | null
}

/** A room that a user has joined. */
export interface UserSeat {
  readonly roomId: string
  readonly sessionId: string | null
  readonly deviceId: string | null
  readonly joinedAt: Date | null
  readonly connected: boolean
}

/** A live stream that proves presence. */
export interface UserLease {
  readonly roomId: string
  readonly deviceId: string | null
  readonly nodeId: string
}

export interface Overview {
  readonly waiting: number
  readonly active: number
  /** Seconds by which the most overdue deadline is late. */
  readonly lag: number
}

/** A request to close a user's connections. */
export interface Disconnection {
  readonly id: string
  readonly userId: string
  readonly at: Date
}

/** Reads and writes for administrators. */
export interface AdminStore {
  /** Nodes, newest first; at most 100. */
  nodes(): Promise<readonly GatewayNode[]>
  /** The ids of the nodes whose heartbeat is recent. */
  liveNodes(): Promise<readonly string[]>
  overview(now: Date): Promise<Overview>
  seatsOf(userId: string): Promise<readonly UserSeat[]>
  leasesOf(userId: string): Promise<readonly UserLease[]>
  /** Live rooms that the user may end: their groups and calls; oldest first. */
  endableRooms(userId: string, limit: number): Promise<readonly string[]>
  addDisconnection(id: string, userId: string): Promise<void>
  /** The requests of the last minute. Deletes older ones. */
  recentDisconnections(): Promise<readonly Disconnection[]>
}

const LIST_MAX = 100
/** Rooms of a status are counted up to this number. */
const COUNT_MAX = 1_000_000

const RECENT_DISCONNECTIONS = statement(`
/* sweep */
WITH expired AS (
  DELETE FROM "Disconnection" WHERE "id" IN (
    SELECT "id" FROM "Disconnection" WHERE "at" < now() - interval '5 minutes' LIMIT 100 FOR UPDATE SKIP LOCKED))
SELECT "id"::text, "userId", "at" FROM "Disconnection" WHERE "at" > now() - interval '1 minute'`)

export function createAdminStore({ prisma, statements }: Pick<Database, 'prisma' | 'statements'>): AdminStore {
  const countOf = async (status: string): Promise<number> => {
    const [row] = await prisma.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM (
        SELECT FROM "Room" WHERE "status" = ${status}::"RoomStatus" LIMIT ${COUNT_MAX}) counted`
    return row?.count ?? 0
  }

  return {
    nodes: () => prisma.$queryRaw<GatewayNode[]>`
      SELECT "id"::text, "startedAt", "seenAt", "figures",
             "seenAt" > now() - make_interval(secs => ${DEAD_AFTER}) AS alive
        FROM "Node" ORDER BY "startedAt" DESC LIMIT ${LIST_MAX}`,

    async liveNodes() {
      const rows = await prisma.$queryRaw<{ id: string }[]>`
        SELECT "id"::text FROM "Node" WHERE "seenAt" > now() - make_interval(secs => ${DEAD_AFTER})`
      return rows.map(({ id }) => id)
    },

    async overview(now) {
      const [waiting, active] = [await countOf('waiting'), await countOf('active')]
      const [row] = await prisma.$queryRaw<{ at: Date | null }[]>`SELECT min("deadlineAt") AS at FROM "Room"`
      const late = row?.at ? (now.getTime() - row.at.getTime()) / 1000 : 0
      return { waiting, active, lag: Math.max(0, Math.round(late * 10) / 10) }
    },

    seatsOf: (userId) => prisma.$queryRaw<UserSeat[]>`
      SELECT me."roomId"::text, me."sessionId", me."deviceId", me."joinedAt", me."connected"
        FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
       WHERE me."userId" = ${userId} AND me."state" = 'joined' AND room."status" <> 'ended'
       ORDER BY me."roomId" DESC LIMIT ${LIST_MAX}`,

    /** Leases have no index by user; those of the user's live rooms are found by room. */
    leasesOf: (userId) => prisma.$queryRaw<UserLease[]>`
      SELECT lease."roomId"::text, nullif(lease."deviceId", '') AS "deviceId", lease."nodeId"::text
        FROM "Participant" me
        JOIN "Room" room ON room."id" = me."roomId" AND room."status" <> 'ended'
        JOIN "Lease" lease ON lease."roomId" = me."roomId" AND lease."userId" = me."userId"
       WHERE me."userId" = ${userId} AND me."state" IN ('invited', 'joined', 'left')
       ORDER BY lease."roomId" DESC LIMIT ${LIST_MAX}`,

    async endableRooms(userId, limit) {
      const rows = await prisma.$queryRaw<{ id: string }[]>`
        SELECT room."id"::text FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
         WHERE me."userId" = ${userId} AND room."status" <> 'ended'
           AND (room."type" = 'p2p' OR coalesce(room."hostId", room."callerId") = ${userId})
         ORDER BY room."id" LIMIT ${limit}`
      return rows.map(({ id }) => id)
    },

    async addDisconnection(id, userId) {
      await prisma.$executeRaw`INSERT INTO "Disconnection" VALUES (${id}::uuid, ${userId}, now())`
    },

    recentDisconnections: () => statements.run<Disconnection>(RECENT_DISCONNECTIONS, []),
  }
}
