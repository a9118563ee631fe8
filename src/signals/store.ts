import type { PrismaClient } from '../db/generated/prisma/client.ts'
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

export function createSignalStore(prisma: PrismaClient): SignalStore {
  return {
    /**
     * Locks the rows of both participants until the signal is written: a concurrent removal either commits first and is
     * seen, or commits after the signal. The lock order is that of the room's commits, which avoids deadlocks. The upsert
     * then locks the mailbox, so that signals become visible in the order of their numbers.
     */
    async send({ roomId, fromId, toId, type, payload, at }) {
      const [row] = await prisma.$queryRaw<{ signal: SignalRow | null; oldestAt: Date | null }[]>`
        WITH joined AS (
          SELECT "userId", "joinedAt" FROM "Participant"
           WHERE "roomId" = ${roomId}::uuid AND "userId" IN (${fromId}, ${toId}) AND "state" = 'joined'
           ORDER BY "ordinal" FOR SHARE
        ),
        membership AS (
          SELECT max("joinedAt") FILTER (WHERE "userId" = ${toId}) AS "joinedAt" FROM joined HAVING count(*) = 2
        ),
        oldest AS (
          SELECT "at" FROM "Signal"
           WHERE "roomId" = ${roomId}::uuid AND "toId" = ${toId} AND "fromId" = ${fromId} AND "at" > ${expiryCutoff(at)}
           ORDER BY "seq" DESC OFFSET ${MAILBOX_SHARE - 1} LIMIT 1
        ),
        mailbox AS (
          INSERT INTO "Mailbox" AS mailbox ("roomId", "userId", "seq") SELECT ${roomId}::uuid, ${toId}, 1 FROM membership
           WHERE NOT EXISTS (SELECT FROM oldest)
          ON CONFLICT ("roomId", "userId") DO UPDATE SET "seq" = mailbox."seq" + 1
          RETURNING "seq"
        ),
        signal AS (
          INSERT INTO "Signal" ("roomId", "toId", "seq", "fromId", "type", "payload", "at")
          SELECT ${roomId}::uuid, ${toId}, mailbox."seq", ${fromId}, ${type}::"SignalType",
                 ${JSON.stringify(payload)}::jsonb, greatest(${at}, membership."joinedAt")
            FROM mailbox, membership
          RETURNING *
        )
        SELECT to_jsonb(signal) AS signal, (SELECT "at" FROM oldest) AS "oldestAt"
          FROM membership LEFT JOIN signal ON true`
      if (!row) return { kind: 'absent' }
      return row.signal
        ? { kind: 'sent', signal: toSignal(row.signal) }
        : { kind: 'full', oldestAt: row.oldestAt ?? at }
    },

    async lastSeq(roomId, userId) {
      const rows = await prisma.$queryRaw<{ seq: number }[]>`
        SELECT "seq" FROM "Mailbox" WHERE "roomId" = ${roomId}::uuid AND "userId" = ${userId}`
      return rows[0]?.seq ?? 0
    },

    async read({ roomId, userId, joinedAt }, { after, since, limit }, now) {
      const [row] = await prisma.$queryRaw<{ signals: SignalRow[] }[]>`
        SELECT (SELECT coalesce(jsonb_agg(to_jsonb(signal) ORDER BY signal."seq"), '[]')
                  FROM (SELECT * FROM "Signal"
                         WHERE "roomId" = participant."roomId" AND "toId" = participant."userId" AND "seq" > ${after}
                           AND "at" > ${expiryCutoff(now)} AND "at" >= ${since}
                         ORDER BY "seq" LIMIT ${limit}) signal) AS signals
          FROM "Participant" participant
         WHERE participant."roomId" = ${roomId}::uuid AND participant."userId" = ${userId}
           AND participant."state" = 'joined' AND participant."joinedAt" = ${joinedAt}`
      return row?.signals.map(toSignal) ?? null
    },

    async outdated(subscribers) {
      const known = subscribers.map(({ membership, cursor }, index) => ({ ...membership, cursor, index }))
      const rows = await prisma.$queryRaw<{ index: number }[]>`
        /* catch up */
        SELECT known."index"
          FROM jsonb_to_recordset(${JSON.stringify(known)}::jsonb)
               AS known("index" int, "roomId" uuid, "userId" text, "joinedAt" timestamptz, "cursor" int)
          LEFT JOIN "Participant" participant
                 ON participant."roomId" = known."roomId" AND participant."userId" = known."userId"
          LEFT JOIN "Mailbox" mailbox ON mailbox."roomId" = known."roomId" AND mailbox."userId" = known."userId"
         WHERE participant."state" IS DISTINCT FROM 'joined' OR participant."joinedAt" IS DISTINCT FROM known."joinedAt"
            OR mailbox."seq" > known."cursor"`
      return rows.map(({ index }) => index)
    },

    deleteExpired: (now, limit) => prisma.$executeRaw`
      /* sweep */
      DELETE FROM "Signal" WHERE ("roomId", "toId", "seq") IN (
        SELECT "roomId", "toId", "seq" FROM "Signal" WHERE "at" <= ${expiryCutoff(now)}
         ORDER BY "at" LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
  }
}
