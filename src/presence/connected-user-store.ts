import { DEAD_AFTER } from '../core/timeouts.ts'
import { statement, type Statements } from '../db/statement.ts'

/** The users with a live stream of incoming calls, by node. `RingChecker` reads them. */
export interface ConnectedUserStore {
  /** Inserts the added users, who may exist already, and deletes the removed ones. No user may be in both lists. */
  write(
    nodeId: string,
    users: { readonly added: readonly string[]; readonly removed: readonly string[] },
  ): Promise<void>
  /** Deletes at most `limit` users of dead nodes; resolves to their number. */
  deleteOrphans(limit: number): Promise<number>
}

const WRITE = statement(`
WITH removed AS (DELETE FROM "ConnectedUser" WHERE "nodeId" = $1::uuid AND "userId" = ANY($3::text[]))
INSERT INTO "ConnectedUser" ("userId", "nodeId") SELECT unnest($2::text[]), $1::uuid ON CONFLICT DO NOTHING`)

/** Finds the nodes step by step in the index, since a node may have very many users. */
const DELETE_ORPHANS = statement(`
/* heartbeat */
WITH RECURSIVE present AS (
  (SELECT "nodeId" FROM "ConnectedUser" ORDER BY "nodeId" LIMIT 1)
  UNION ALL
  SELECT (SELECT following."nodeId" FROM "ConnectedUser" following
           WHERE following."nodeId" > present."nodeId" ORDER BY following."nodeId" LIMIT 1)
    FROM present WHERE present."nodeId" IS NOT NULL
), dead AS (
  SELECT "nodeId" FROM present
   WHERE NOT EXISTS (SELECT FROM "Node" node WHERE node."id" = present."nodeId"
                        AND node."seenAt" > now() - make_interval(secs => ${DEAD_AFTER}))
)
DELETE FROM "ConnectedUser" WHERE ("userId", "nodeId") IN (
  SELECT orphan."userId", orphan."nodeId" FROM "ConnectedUser" orphan JOIN dead ON dead."nodeId" = orphan."nodeId"
   LIMIT $1::integer)
RETURNING "userId"`)

export const createConnectedUserStore = (statements: Statements): ConnectedUserStore => ({
  async write(nodeId, { added, removed }) {
    await statements.run(WRITE, [nodeId, added, removed])
  },

  deleteOrphans: async (limit) => (await statements.run(DELETE_ORPHANS, [limit])).length,
})
