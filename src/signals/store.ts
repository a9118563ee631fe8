import type { PrismaClient } from '../db/generated/prisma/client.ts'
import { goneAt, MAILBOX_SHARE, type Signal } from './model.ts'
import type { Membership } from './policy.ts'

/** What became of a signal. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly signal: Signal }
  /** The sender's share of the mailbox is full until their oldest signal in it, of this time, is gone. */
  | { readonly kind: 'full'; readonly oldestAt: Date }
  /** Sender and addressee were not both joined. */
  | { readonly kind: 'absent' }

/** Which signals to read: at most `limit` of those behind number `after`, sent at `since` or later. */
export interface SignalRange {
  readonly after: number
  readonly since: Date
  readonly limit: number
}

/** The mailboxes of participants. Every method is one SQL statement. */
export interface SignalStore {
  /**
   * Gives the signal its addressee's next number, if both are joined at that moment and the sender's share of the mailbox
   * has room. Of signals that one sender sends at the same time each counts only those that were written before it began.
   */
  send(draft: Omit<Signal, 'seq'>): Promise<SendOutcome>
  /** Number of the last signal to a participant, whether it is kept or gone; 0 before the first. */
  lastSeq(roomId: string, userId: string): Promise<number>
  /** Kept signals in their order; null when the membership is over. */
  read(membership: Membership, range: SignalRange, now: Date): Promise<readonly Signal[] | null>
  /** The subscribers, by their index in the list, that have something to read or whose membership is over. */
  news(subscribers: readonly { readonly membership: Membership; readonly cursor: number }[]): Promise<readonly number[]>
  /** Deletes signals that are not kept any more; answers how many. Several nodes may do it at once. */
  deleteGone(now: Date, limit: number): Promise<number>
}

type SignalRow = Omit<Signal, 'at'> & { readonly at: string }
const toSignal = (row: SignalRow): Signal => ({ ...row, at: new Date(row.at) })

export function createSignalStore(prisma: PrismaClient): SignalStore {
  return {
    /**
     * The places stay locked until the signal is written, so that a removal comes before it and is seen, or comes after
     * it. They are locked in the order in which the room's commits write them: neither waits for the other for ever.
     * Then the mailbox is locked, so that its numbers become visible in their order.
     */
    async send({ roomId, fromId, toId, type, payload, at }) {
      const [row] = await prisma.$queryRaw<{ signal: SignalRow | null; oldestAt: Date | null }[]>`
        WITH places AS (
          SELECT "userId", "joinedAt" FROM "Participant"
           WHERE "roomId" = ${roomId}::uuid AND "userId" IN (${fromId}, ${toId}) AND "state" = 'joined'
           ORDER BY "ordinal" FOR SHARE
        ),
        membership AS (
          SELECT max("joinedAt") FILTER (WHERE "userId" = ${toId}) AS "joinedAt" FROM places HAVING count(*) = 2
        ),
        oldest AS (
          SELECT "at" FROM "Signal"
           WHERE "roomId" = ${roomId}::uuid AND "toId" = ${toId} AND "fromId" = ${fromId} AND "at" > ${goneAt(at)}
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
                         WHERE "roomId" = place."roomId" AND "toId" = place."userId" AND "seq" > ${after}
                           AND "at" > ${goneAt(now)} AND "at" >= ${since}
                         ORDER BY "seq" LIMIT ${limit}) signal) AS signals
          FROM "Participant" place
         WHERE place."roomId" = ${roomId}::uuid AND place."userId" = ${userId}
           AND place."state" = 'joined' AND place."joinedAt" = ${joinedAt}`
      return row?.signals.map(toSignal) ?? null
    },

    async news(subscribers) {
      const known = subscribers.map(({ membership, cursor }, nth) => ({ ...membership, cursor, nth }))
      const rows = await prisma.$queryRaw<{ nth: number }[]>`
        /* catch up */
        SELECT known.nth
          FROM jsonb_to_recordset(${JSON.stringify(known)}::jsonb)
               AS known(nth int, "roomId" uuid, "userId" text, "joinedAt" timestamptz, "cursor" int)
          LEFT JOIN "Participant" place ON place."roomId" = known."roomId" AND place."userId" = known."userId"
          LEFT JOIN "Mailbox" mailbox ON mailbox."roomId" = known."roomId" AND mailbox."userId" = known."userId"
         WHERE place."state" IS DISTINCT FROM 'joined' OR place."joinedAt" IS DISTINCT FROM known."joinedAt"
            OR mailbox."seq" > known."cursor"`
      return rows.map(({ nth }) => nth)
    },

    deleteGone: (now, limit) => prisma.$executeRaw`
      /* sweep */
      DELETE FROM "Signal" WHERE ("roomId", "toId", "seq") IN (
        SELECT "roomId", "toId", "seq" FROM "Signal" WHERE "at" <= ${goneAt(now)}
         ORDER BY "at" LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
  }
}
