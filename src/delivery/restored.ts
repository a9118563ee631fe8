import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { addressOf } from '../db/address.ts'
import { prepareSession } from '../db/session.ts'
import type { Statements } from '../db/statement.ts'

/** Serialises the nodes that start at the same time. */
const LOCK = 72_707_370

/** Whether the database contains ids of transactions that its server has not assigned yet. */
const IS_RESTORED = `
  SELECT EXISTS (SELECT FROM "RoomEvent" WHERE "xid" > pg_snapshot_xmax(pg_current_snapshot()))
      OR EXISTS (SELECT FROM "DeliveryDestination" WHERE "xid" > pg_snapshot_xmax(pg_current_snapshot())) AS restored`

/** Gives the events that some destination has not received the id of this transaction, and the others none. */
const RENUMBER_EVENTS = `
  UPDATE "RoomEvent" event
     SET "xid" = CASE WHEN (event."xid", event."roomId", event."seq") > (cursor."xid", cursor."roomId", cursor."seq")
                      THEN pg_current_xact_id() END
    FROM (SELECT 1) one LEFT JOIN (
           SELECT "xid", "roomId", "seq" FROM "DeliveryDestination" ORDER BY "xid", "roomId", "seq" LIMIT 1) cursor ON true
   WHERE event."xid" IS NOT NULL`

/** Places every cursor before these events. */
const MOVE_CURSORS = `
  UPDATE "DeliveryDestination"
     SET "xid" = pg_current_xact_id(), "roomId" = '00000000-0000-0000-0000-000000000000', "seq" = 0`

interface Dependencies {
  readonly databaseUrl: string
  /** Of the same database. */
  readonly statements: Statements
  readonly log: Logger
}

interface State {
  readonly restored: boolean
}

/**
 * Renumbers the positions of events after the database was restored from a dump into another server, whose transactions
 * have lower ids: new events would otherwise be behind the cursors. Events that were delivered to some destinations only
 * are delivered to these again. Call before any command is executed.
 *
 * @returns whether the database had been restored
 */
export async function renumberRestored({ databaseUrl, statements, log }: Dependencies): Promise<boolean> {
  const [state] = await statements.run<State>({ text: IS_RESTORED }, [])
  if (!state?.restored) return false
  const { connectionString, schema } = addressOf(databaseUrl)
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5000, application_name: 'rtc-gateway' })
  client.on('error', (error) => log.debug({ err: error }, 'lost the connection while renumbering events'))
  try {
    await client.connect()
    await prepareSession(client, { schema })
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    // Another node may have renumbered them meanwhile.
    const { rows } = await client.query<State>(IS_RESTORED)
    const restored = rows[0]?.restored ?? false
    if (restored) {
      await client.query(RENUMBER_EVENTS)
      await client.query(MOVE_CURSORS)
      log.warn('the database was restored into another server: the positions of deliveries were renumbered')
    }
    await client.query('COMMIT')
    return restored
  } finally {
    await client.end().catch(() => undefined)
  }
}
