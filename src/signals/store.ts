import { statement, type Statements } from '../db/statement.ts'
import { expiryCutoff, MAILBOX_SHARE, type Signal } from './model.ts'
import type { Membership } from './policy.ts'

/** The result of sending a signal. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly signal: Signal }
  /** The sender's share of the mailbox is full until the signal sent at `oldestAt` has expired. */
  | { readonly kind: 'full'; readonly oldestAt: Date }
  /** Sender and addressee were not both joined. */
  | { readonly kind: 'absent' }

/** The signals to read: at most `limit` after number `after` that were sent at or after `since`. */
export interface SignalRange {
  readonly after: number
  readonly since: Date
  readonly limit: number
}

/** The mailboxes of participants. Every method is one SQL statement. */
export interface SignalStore {
  /**
   * Stores the signal with the addressee's next number if both users are joined and the sender's share of the mailbox is
   * not full. Concurrent signals of one sender do not count each other towards the share.
   */
  send(draft: Omit<Signal, 'seq'>): Promise<SendOutcome>
  /** Number of the last signal to a participant, even if it has expired; 0 if there was none. */
  lastSeq(roomId: string, userId: string): Promise<number>
  /** Reads kept signals in order; null if the membership has ended. */
  read(membership: Membership, range: SignalRange, now: Date): Promise<readonly Signal[] | null>
  /** The indexes of the subscribers that have unread signals or whose membership has ended. */
  outdated(
    subscribers: readonly { readonly membership: Membership; readonly cursor: number }[],
  ): Promise<readonly number[]>
  /** Deletes at most `limit` expired signals and returns how many. Several nodes may call it concurrently. */
  deleteExpired(now: Date, limit: number): Promise<number>
}

type SignalRow = Omit<Signal, 'at'> & { readonly at: string }
const toSignal = (row: SignalRow): Signal => ({ ...row, at: new Date(row.at) })

/**
 * Locks the rows of both participants until the signal is written: a concurrent removal either commits first and is seen,
 * or commits after the signal. The lock order is that of the room's commits, which avoids deadlocks. The upsert then locks
 * the mailbox, so that signals become visible in the order of their numbers.
 *
 * Parameters: $1, the room; $2, the sender; $3, the addressee; $4, the type; $5, the payload; $6, the present time; $7, the
 * time after which signals are kept.
 */
const SEND = statement(`
WITH joined AS (
  SELECT "userId", "joinedAt" FROM "Participant"
   WHERE "roomId" = $1::uuid AND "userId" IN ($2::text, $3::text) AND "state" = 'joined'
   ORDER BY "ordinal" FOR SHARE
),
membership AS (
  SELECT max("joinedAt") FILTER (WHERE "userId" = $3::text) AS "joinedAt" FROM joined HAVING count(*) = 2
),
oldest AS (
  SELECT "at" FROM "Signal"
   WHERE "roomId" = $1::uuid AND "toId" = $3::text AND "fromId" = $2::text AND "at" > $7::timestamptz
   ORDER BY "seq" DESC OFFSET ${MAILBOX_SHARE - 1} LIMIT 1
),
mailbox AS (
  INSERT INTO "Mailbox" AS mailbox ("roomId", "userId", "seq") SELECT $1::uuid, $3::text, 1 FROM membership
   WHERE NOT EXISTS (SELECT FROM oldest)
  ON CONFLICT ("roomId", "userId") DO UPDATE SET "seq" = mailbox."seq" + 1
  RETURNING "seq"
),
signal AS (
  INSERT INTO "Signal" ("roomId", "toId", "seq", "fromId", "type", "payload", "at")
  SELECT $1::uuid, $3::text, mailbox."seq", $2::text, $4::"SignalType", $5::jsonb,
         greatest($6::timestamptz, membership."joinedAt")
    FROM mailbox, membership
  RETURNING *
)
SELECT row_to_json(signal) AS signal, (SELECT "at" FROM oldest) AS "oldestAt"
  FROM membership LEFT JOIN signal ON true`)

const LAST_SEQ = statement(`SELECT "seq" FROM "Mailbox" WHERE "roomId" = $1::uuid AND "userId" = $2::text`)

/**
 * Parameters: $1 to $3, the membership's room, user and time of the join; $4, the cursor; $5, the time after which signals
 * are kept; $6, the time from which signals are read; $7, the maximum number of signals.
 */
const READ = statement(`
SELECT (SELECT coalesce(json_agg(row_to_json(signal) ORDER BY signal."seq"), '[]')
          FROM (SELECT * FROM "Signal"
                 WHERE "roomId" = participant."roomId" AND "toId" = participant."userId" AND "seq" > $4::integer
                   AND "at" > $5::timestamptz AND "at" >= $6::timestamptz
                 ORDER BY "seq" LIMIT $7::integer) signal) AS signals
  FROM "Participant" participant
 WHERE participant."roomId" = $1::uuid AND participant."userId" = $2::text
   AND participant."state" = 'joined' AND participant."joinedAt" = $3::timestamptz`)

const OUTDATED = statement(`
/* catch up */
SELECT known."index"
  FROM json_to_recordset($1::json)
       AS known("index" integer, "roomId" uuid, "userId" text, "joinedAt" timestamptz, "cursor" integer)
  LEFT JOIN "Participant" participant
         ON participant."roomId" = known."roomId" AND participant."userId" = known."userId"
  LEFT JOIN "Mailbox" mailbox ON mailbox."roomId" = known."roomId" AND mailbox."userId" = known."userId"
 WHERE participant."state" IS DISTINCT FROM 'joined' OR participant."joinedAt" IS DISTINCT FROM known."joinedAt"
    OR mailbox."seq" > known."cursor"`)

const DELETE_EXPIRED = statement(`
/* sweep */
WITH deleted AS (
  DELETE FROM "Signal" WHERE ("roomId", "toId", "seq") IN (
    SELECT "roomId", "toId", "seq" FROM "Signal" WHERE "at" <= $1::timestamptz
     ORDER BY "at" LIMIT $2::integer FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT count(*)::int AS count FROM deleted`)

export function createSignalStore(statements: Statements): SignalStore {
  return {
    async send({ roomId, fromId, toId, type, payload, at }) {
      const values = [roomId, fromId, toId, type, JSON.stringify(payload), at.toISOString()]
      const [row] = await statements.run<{ signal: SignalRow | null; oldestAt: Date | null }>(SEND, [
        ...values,
        expiryCutoff(at).toISOString(),
      ])
      if (!row) return { kind: 'absent' }
      return row.signal
        ? { kind: 'sent', signal: toSignal(row.signal) }
        : { kind: 'full', oldestAt: row.oldestAt ?? at }
    },

    async lastSeq(roomId, userId) {
      const [row] = await statements.run<{ seq: number }>(LAST_SEQ, [roomId, userId])
      return row?.seq ?? 0
    },

    async read({ roomId, userId, joinedAt }, { after, since, limit }, now) {
      const membership = [roomId, userId, joinedAt.toISOString()]
      const range = [after, expiryCutoff(now).toISOString(), since.toISOString(), limit]
      const [row] = await statements.run<{ signals: SignalRow[] }>(READ, [...membership, ...range])
      return row?.signals.map(toSignal) ?? null
    },

    async outdated(subscribers) {
      const known = subscribers.map(({ membership, cursor }, index) => ({ ...membership, cursor, index }))
      const rows = await statements.run<{ index: number }>(OUTDATED, [JSON.stringify(known)])
      return rows.map(({ index }) => index)
    },

    async deleteExpired(now, limit) {
      const values = [expiryCutoff(now).toISOString(), limit]
      const [row] = await statements.run<{ count: number }>(DELETE_EXPIRED, values)
      return row?.count ?? 0
    },
  }
}
