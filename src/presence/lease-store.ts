import { NO_DEVICE } from '../core/ids.ts'
import { DEAD_AFTER } from '../core/timeouts.ts'
import { statement, type Statements } from '../db/statement.ts'

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
  /** Deletes the heartbeat and the connected users of a node that stops. */
  deleteNode(nodeId: string): Promise<void>
  /** Reads announced streams that are overdue. */
  overdue(now: Date, limit: number): Promise<readonly OverdueStream[]>
  /** Deletes an announced stream, unless another session has announced one since. */
  stopAwaiting(overdue: OverdueStream): Promise<void>
}

const HOLD = statement(`
WITH lease AS (
  SELECT * FROM json_populate_recordset(NULL::"Lease", $1::json)
), opened AS (
  DELETE FROM "AwaitedStream" awaited USING lease
   WHERE awaited."roomId" = lease."roomId" AND awaited."userId" = lease."userId"
     AND awaited."deviceId" = lease."deviceId"
)
INSERT INTO "Lease" SELECT * FROM lease ON CONFLICT DO NOTHING`)

const DROP = statement(`
DELETE FROM "Lease"
 WHERE "roomId" = $1::uuid AND "userId" = $2::text AND "nodeId" = $3::uuid AND "deviceId" = $4::text`)

const IS_HELD = statement(`
SELECT FROM "Lease" lease JOIN "Node" node ON node."id" = lease."nodeId"
 WHERE lease."roomId" = $1::uuid AND lease."userId" = $2::text
   AND lease."deviceId" = $3::text AND lease."nodeId" <> $4::uuid
   AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER})`)

const BEAT = statement(`
/* heartbeat */
WITH before AS (SELECT "seenAt" FROM "Node" WHERE "id" = $1::uuid)
INSERT INTO "Node" ("id", "startedAt", "seenAt", "figures") VALUES ($1::uuid, now(), now(), $2::jsonb)
ON CONFLICT ("id") DO UPDATE SET "seenAt" = now(), "figures" = excluded."figures"
RETURNING coalesce((SELECT "seenAt" < now() - make_interval(secs => ${DEAD_AFTER}) FROM before), true) AS missed`)

const ORPHANS = statement(`
/* heartbeat */
SELECT lease."roomId"::text, lease."userId", lease."nodeId"::text, lease."deviceId"
  FROM "Lease" lease
 WHERE NOT EXISTS (SELECT FROM "Node" node WHERE node."id" = lease."nodeId"
                      AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER}))
 LIMIT $1::integer`)

const LIVE_NODES = statement(`
/* metrics */
SELECT count(*)::int AS nodes FROM "Node" WHERE "seenAt" > now() - make_interval(secs => ${DEAD_AFTER})`)

const DELETE_NODE = statement(`
WITH users AS (DELETE FROM "ConnectedUser" WHERE "nodeId" = $1::uuid)
DELETE FROM "Node" WHERE "id" = $1::uuid`)

const OVERDUE = statement(`
/* sweep */
SELECT "roomId"::text, "userId", "deviceId", "sessionId", "since" FROM "AwaitedStream"
 WHERE "until" <= $1::timestamptz ORDER BY "until" LIMIT $2::integer`)

const STOP_AWAITING = statement(`
DELETE FROM "AwaitedStream" WHERE "roomId" = $1::uuid AND "userId" = $2::text AND "sessionId" = $3::text`)

export function createLeaseStore(statements: Statements): LeaseStore {
  return {
    async hold(leases) {
      await statements.run(HOLD, [JSON.stringify(leases.map(toRow))])
    },

    async drop({ roomId, userId, deviceId, nodeId }) {
      await statements.run(DROP, [roomId, userId, nodeId, deviceId ?? NO_DEVICE])
    },

    async isHeld({ roomId, userId, deviceId }, { except = NO_NODE } = {}) {
      const rows = await statements.run(IS_HELD, [roomId, userId, deviceId ?? NO_DEVICE, except])
      return rows.length > 0
    },

    async beat(nodeId, figures) {
      const [row] = await statements.run<{ missed: boolean }>(BEAT, [nodeId, JSON.stringify(figures)])
      return { missed: row?.missed ?? true }
    },

    async orphans(limit) {
      return (await statements.run<LeaseRow>(ORPHANS, [limit])).map(fromRow)
    },

    async liveNodes() {
      const [row] = await statements.run<{ nodes: number }>(LIVE_NODES, [])
      return row?.nodes ?? 0
    },

    async deleteNode(nodeId) {
      await statements.run(DELETE_NODE, [nodeId])
    },

    async overdue(now, limit) {
      return (await statements.run<OverdueStream>(OVERDUE, [now.toISOString(), limit])).map(fromRow)
    },

    async stopAwaiting({ roomId, userId, sessionId }) {
      await statements.run(STOP_AWAITING, [roomId, userId, sessionId])
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
