import { createHash } from 'node:crypto'
import type { Database } from '../db/client.ts'
import { Prisma } from '../db/generated/prisma/client.ts'
import { statement } from '../db/statement.ts'
import type { BrowserKeys } from './encryption.ts'

/** Where the calls of a user are pushed to. */
export interface PushSubscription {
  readonly id: string
  readonly userId: string
  readonly deviceId: string | null
  readonly target: PushTarget
  readonly createdAt: Date
  /** When it was last registered or used, within a day. */
  readonly usedAt: Date
}

export type PushTarget = BrowserTarget | AppTarget

/** A browser, by Web Push. */
export interface BrowserTarget {
  readonly kind: 'browser'
  readonly endpoint: string
  readonly keys: BrowserKeys
}

/** An app, through the push gateway. */
export interface AppTarget {
  readonly kind: 'app'
  readonly appId: string
  readonly pushkey: string
  /** Given to the gateway as it is. */
  readonly data: Readonly<Record<string, unknown>>
}

/** Subscriptions of one user; a further one replaces the one that was unused for the longest time. */
export const SUBSCRIPTIONS_MAX = 20
/** Days after which an unused subscription is deleted. */
export const KEPT_DAYS = 90
const DAY = 86_400_000
const PURGE_BATCH = 1_000

export interface PushStore {
  /** Adds a subscription, or updates the one with the same address, which may have been another user's. */
  put(subscription: PushSubscription): Promise<PushSubscription>
  /** The user's subscriptions, in the order of their registration. */
  list(userId: string): Promise<readonly PushSubscription[]>
  of(userIds: readonly string[]): Promise<readonly PushSubscription[]>
  /** Which of the users have a subscription of one of the kinds. */
  subscribed(
    userIds: readonly string[],
    kinds: Readonly<Record<PushTarget['kind'], boolean>>,
  ): Promise<ReadonlySet<string>>
  /** Deletes a subscription of the user. @returns its id; null if there is none */
  remove(userId: string, by: { readonly id: string } | { readonly endpoint: string }): Promise<string | null>
  delete(ids: readonly string[]): Promise<void>
  /** Push services have accepted messages for these. */
  used(ids: readonly string[], now: Date): Promise<void>
  /** Deletes one batch of unused subscriptions. @returns whether there may be more */
  purge(now: Date): Promise<boolean>
}

interface Row {
  readonly id: string
  readonly userId: string
  readonly deviceId: string | null
  readonly endpoint: string | null
  readonly p256dh: string | null
  readonly auth: string | null
  readonly appId: string | null
  readonly pushkey: string | null
  readonly data: Record<string, unknown> | null
  readonly createdAt: Date
  readonly usedAt: Date
}

const COLUMNS = Prisma.raw(
  `"id"::text, "userId", "deviceId", "endpoint", "p256dh", "auth", "appId", "pushkey", "data", "createdAt", "usedAt"`,
)

const PURGE = statement(`
/* sweep */
WITH deleted AS (
  DELETE FROM "PushSubscription" WHERE "id" IN (
    SELECT "id" FROM "PushSubscription" WHERE "usedAt" < $1::timestamptz ORDER BY "usedAt" LIMIT $2::integer)
  RETURNING 1
)
SELECT count(*)::int AS count FROM deleted`)

export function createPushStore({ prisma, statements }: Pick<Database, 'prisma' | 'statements'>): PushStore {
  return {
    async put({ id, userId, deviceId, target, createdAt, usedAt }) {
      const browser = target.kind === 'browser' ? target : undefined
      const app = target.kind === 'app' ? target : undefined
      const rows = await prisma.$queryRaw<Row[]>`
        WITH registered AS (
          INSERT INTO "PushSubscription" ("id", "userId", "deviceId", "address", "endpoint", "p256dh", "auth", "appId",
                                          "pushkey", "data", "createdAt", "usedAt")
          VALUES (${id}::uuid, ${userId}, ${deviceId}, ${addressOf(target)}, ${browser?.endpoint ?? null},
                  ${browser?.keys.p256dh ?? null}, ${browser?.keys.auth ?? null}, ${app?.appId ?? null},
                  ${app?.pushkey ?? null}, ${app ? JSON.stringify(app.data) : null}::jsonb, ${createdAt}, ${usedAt})
          ON CONFLICT ("address") DO UPDATE
            SET "userId" = excluded."userId", "deviceId" = excluded."deviceId", "p256dh" = excluded."p256dh",
                "auth" = excluded."auth", "data" = excluded."data", "usedAt" = excluded."usedAt"
          RETURNING *
        ), surplus AS (
          DELETE FROM "PushSubscription" WHERE "id" IN (
            SELECT "id" FROM "PushSubscription" WHERE "userId" = ${userId} AND "address" <> ${addressOf(target)}
             ORDER BY "usedAt" DESC, "id" DESC OFFSET ${SUBSCRIPTIONS_MAX - 1})
        )
        SELECT ${COLUMNS} FROM registered`
      const [registered] = rows
      if (!registered) throw new Error('the subscription was not returned')
      return subscriptionOf(registered)
    },

    async list(userId) {
      const rows = await prisma.$queryRaw<Row[]>`
        SELECT ${COLUMNS} FROM "PushSubscription" WHERE "userId" = ${userId} ORDER BY "createdAt", "id"`
      return rows.map(subscriptionOf)
    },

    async of(userIds) {
      const rows = await prisma.$queryRaw<Row[]>`
        /* delivery */
        SELECT ${COLUMNS} FROM "PushSubscription" WHERE "userId" = ANY(${userIds}::text[])`
      return rows.map(subscriptionOf)
    },

    async subscribed(userIds, { browser, app }) {
      const rows = await prisma.$queryRaw<{ userId: string }[]>`
        SELECT DISTINCT "userId" FROM "PushSubscription"
         WHERE "userId" = ANY(${userIds}::text[])
           AND (${browser} AND "endpoint" IS NOT NULL OR ${app} AND "appId" IS NOT NULL)`
      return new Set(rows.map(({ userId }) => userId))
    },

    async remove(userId, by) {
      const condition =
        'id' in by
          ? Prisma.sql`"id" = ${by.id}::uuid`
          : Prisma.sql`"address" = ${addressOf({ kind: 'browser', endpoint: by.endpoint })}`
      const [removed] = await prisma.$queryRaw<{ id: string }[]>`
        DELETE FROM "PushSubscription" WHERE "userId" = ${userId} AND ${condition} RETURNING "id"::text`
      return removed?.id ?? null
    },

    async delete(ids) {
      if (ids.length === 0) return
      await prisma.$executeRaw`/* delivery */ DELETE FROM "PushSubscription" WHERE "id" = ANY(${ids}::uuid[])`
    },

    async used(ids, now) {
      if (ids.length === 0) return
      await prisma.$executeRaw`
        /* delivery */
        UPDATE "PushSubscription" SET "usedAt" = ${now}
         WHERE "id" = ANY(${ids}::uuid[]) AND "usedAt" < ${new Date(now.getTime() - DAY)}`
    },

    async purge(now) {
      const cutoff = new Date(now.getTime() - KEPT_DAYS * DAY)
      const [row] = await statements.run<{ count: number }>(PURGE, [cutoff.toISOString(), PURGE_BATCH])
      return row?.count === PURGE_BATCH
    },
  }
}

/** Identifies a browser or an app, in few bytes. */
function addressOf(target: Pick<BrowserTarget, 'kind' | 'endpoint'> | Pick<AppTarget, 'kind' | 'appId' | 'pushkey'>) {
  const parts = target.kind === 'browser' ? [target.endpoint] : [target.appId, target.pushkey]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

function subscriptionOf({ endpoint, p256dh, auth, appId, pushkey, data, ...rest }: Row): PushSubscription {
  const { id, userId, deviceId, createdAt, usedAt } = rest
  const target: PushTarget =
    endpoint === null
      ? { kind: 'app', appId: appId ?? '', pushkey: pushkey ?? '', data: data ?? {} }
      : { kind: 'browser', endpoint, keys: { p256dh: p256dh ?? '', auth: auth ?? '' } }
  return { id, userId, deviceId, target, createdAt, usedAt }
}
