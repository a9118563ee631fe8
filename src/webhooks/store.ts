import { firstIdAt } from '../core/ids.ts'
import type { Database } from '../db/client.ts'
import { Prisma } from '../db/generated/prisma/client.ts'
import { statement } from '../db/statement.ts'
import { BACKLOG_MAX } from '../delivery/store.ts'
import type { RoomEventType } from '../rooms/model.ts'

/** An endpoint that a mutation has created. */
export interface StoredEndpoint {
  readonly id: string
  readonly url: string
  /** Empty for all types. */
  readonly types: readonly string[]
  readonly description: string | null
  readonly roomId: string | null
  readonly enabled: boolean
  /** When it was last enabled. */
  readonly enabledAt: Date
  readonly disabledReason: string | null
  readonly secret: string
  readonly previousSecret: string | null
  /** Until when the previous secret signs, too. */
  readonly previousUntil: Date | null
  readonly createdAt: Date
}

/** What has become of an endpoint of the configuration. */
export interface ConfiguredState {
  /** Null while it is enabled. */
  readonly disabledReason: string | null
  /** When a mutation last enabled or disabled it. */
  readonly enabledAt: Date | null
}

export const DELIVERY_STATUSES = ['delivered', 'retrying', 'dead'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/** A message that was sent, or tried, to an endpoint. */
export interface WebhookDelivery {
  readonly id: string
  readonly endpointId: string
  readonly messageId: string
  readonly type: string
  readonly roomId: string
  readonly seq: number
  readonly status: DeliveryStatus
  readonly attempts: number
  /** Of the last attempt; null without a response. */
  readonly responseStatus: number | null
  /** Why the last attempt failed. */
  readonly error: string | null
  readonly createdAt: Date
  readonly attemptedAt: Date
}

/** Days for which records of deliveries are kept. */
const KEPT_DAYS = 30
const PURGE_BATCH = 1_000

export interface ReplayRange {
  readonly from: Date
  readonly to: Date
  readonly roomId: string | null
  readonly types: ReadonlySet<RoomEventType>
}

export interface WebhookStore {
  endpoints(): Promise<readonly StoredEndpoint[]>
  endpoint(id: string): Promise<StoredEndpoint | null>
  /** Resolves to false if there are `max` endpoints. */
  insert(endpoint: StoredEndpoint, max: number): Promise<boolean>
  update(id: string, changes: Partial<StoredEndpoint>): Promise<StoredEndpoint | null>
  /** The states of endpoints of the configuration, by id; an endpoint without one was always enabled. */
  configuredStates(endpoints: readonly { readonly id: string }[]): Promise<ReadonlyMap<string, ConfiguredState>>
  updateConfigured(id: string, state: ConfiguredState): Promise<void>
  /** Deletes the endpoint and all that is to be delivered to it. Resolves to whether it existed. */
  delete(id: string): Promise<boolean>
  /** Inserts or updates the record of a message for an endpoint. */
  record(delivery: WebhookDelivery): Promise<void>
  /** Which of the messages the endpoint has received. */
  delivered(endpointId: string, messageIds: readonly string[]): Promise<ReadonlySet<string>>
  delivery(id: string): Promise<WebhookDelivery | null>
  /** Newest first. */
  deliveries(query: {
    readonly endpointId: string
    readonly status: DeliveryStatus | null
    readonly after: string | null
    readonly limit: number
  }): Promise<readonly WebhookDelivery[]>
  /** The ids of the replays that have not been completed. */
  replays(): Promise<readonly string[]>
  /** Creates a replay of one event, which begins at `now`. */
  replayEvent(replayId: string, event: { readonly roomId: string; readonly seq: number }, now: Date): Promise<void>
  /** Creates a replay of the events in a range, which begins at `now`. @returns the number of rooms; null if there are too many */
  replayRange(replayId: string, range: ReplayRange, now: Date): Promise<number | null>
  /** Deletes one batch of old records. @returns whether there may be more */
  purge(now: Date): Promise<boolean>
}

const ENDPOINT = 'webhook:'
export const destinationIdOf = (endpointId: string): string => `${ENDPOINT}${endpointId}`
const REPLAY = 'webhook-replay:'
/** @param messageId - replays only this message of an event */
export const replayIdOf = (endpointId: string, id: string, messageId = ''): string =>
  `${REPLAY}${endpointId}:${id}:${messageId}`

export function parseReplayId(replayId: string): { endpointId: string; messageId: string | null } {
  const [endpointId = '', , messageId = ''] = replayId.slice(REPLAY.length).split(':')
  return { endpointId, messageId: messageId || null }
}

const BEGIN = (replayId: string) => Prisma.sql`
  INSERT INTO "DeliveryDestination" ("id", "xid", "roomId", "seq")
  VALUES (${replayId}, pg_snapshot_xmin(pg_current_snapshot()), '00000000-0000-0000-0000-000000000000', 0)`

const ENDPOINTS = statement(`
/* delivery */
SELECT "id", "url", "types", "description", "roomId"::text, "enabled", "enabledAt", "disabledReason", "secret", "previousSecret",
       "previousUntil", "createdAt"
  FROM "WebhookEndpoint" ORDER BY "createdAt", "id"`)

const REPLAYS = statement(`
/* delivery */
SELECT "id" FROM "DeliveryDestination" WHERE "id" LIKE $1::text`)

const PURGE = statement(`
/* sweep */
WITH deleted AS (
  DELETE FROM "WebhookDelivery" WHERE "id" IN (
    SELECT "id" FROM "WebhookDelivery" WHERE "id" < $1::uuid ORDER BY "id" LIMIT $2::integer)
  RETURNING 1
)
SELECT count(*)::int AS count FROM deleted`)

export function createWebhookStore({ prisma, statements }: Pick<Database, 'prisma' | 'statements'>): WebhookStore {
  return {
    endpoints: () => statements.run<StoredEndpoint>(ENDPOINTS, []),

    endpoint: (id) => prisma.webhookEndpoint.findUnique({ where: { id } }),

    async insert({ types, ...endpoint }, max) {
      if ((await prisma.webhookEndpoint.count()) >= max) return false
      await prisma.webhookEndpoint.create({ data: { ...endpoint, types: [...types] } })
      return true
    },

    async update(id, { types, ...changes }) {
      const data = { ...changes, ...(types && { types: [...types] }) }
      const [updated] = await prisma.webhookEndpoint.updateManyAndReturn({ where: { id }, data })
      return updated ?? null
    },

    async configuredStates(endpoints) {
      if (endpoints.length === 0) return new Map()
      const rows = await prisma.$queryRaw<({ id: string } & ConfiguredState)[]>`
        /* delivery */
        SELECT "id", "disabled" AS "disabledReason", "enabledAt" FROM "DeliveryDestination"
         WHERE "id" = ANY(${endpoints.map(({ id }) => destinationIdOf(id))}::text[])`
      return new Map(rows.map(({ id, ...state }) => [id.slice(ENDPOINT.length), state]))
    },

    async updateConfigured(id, { disabledReason, enabledAt }) {
      await prisma.$executeRaw`
        UPDATE "DeliveryDestination" SET "disabled" = ${disabledReason}, "enabledAt" = ${enabledAt}
         WHERE "id" = ${destinationIdOf(id)}`
    },

    async delete(id) {
      const { count } = await prisma.webhookEndpoint.deleteMany({ where: { id } })
      await prisma.deliveryDestination.deleteMany({
        where: { OR: [{ id: destinationIdOf(id) }, { id: { startsWith: `${REPLAY}${id}:` } }] },
      })
      return count > 0
    },

    async record({ endpointId, messageId, id, createdAt, ...rest }) {
      await prisma.webhookDelivery.upsert({
        where: { endpointId_messageId: { endpointId, messageId } },
        create: { id, endpointId, messageId, createdAt, ...rest },
        update: rest,
      })
    },

    async delivered(endpointId, messageIds) {
      const rows = await prisma.webhookDelivery.findMany({
        where: { endpointId, messageId: { in: [...messageIds] }, status: 'delivered' },
        select: { messageId: true },
      })
      return new Set(rows.map(({ messageId }) => messageId))
    },

    delivery: (id) => prisma.webhookDelivery.findUnique({ where: { id } }),

    deliveries: ({ endpointId, status, after, limit }) =>
      prisma.webhookDelivery.findMany({
        where: { endpointId, ...(status && { status }), ...(after !== null && { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: limit,
      }),

    async replays() {
      const rows = await statements.run<{ id: string }>(REPLAYS, [`${REPLAY}%`])
      return rows.map(({ id }) => id)
    },

    async replayEvent(replayId, { roomId, seq }, now) {
      await prisma.$transaction([
        prisma.$executeRaw(BEGIN(replayId)),
        prisma.$executeRaw`
          INSERT INTO "DeliveryBacklog" ("destinationId", "roomId", "after", "upTo", "attempts", "nextAt", "since")
          VALUES (${replayId}, ${roomId}::uuid, ${seq - 1}, ${seq}, 0, ${now}, ${now})`,
      ])
    },

    async replayRange(replayId, { from, to, roomId, types }, now) {
      const created = firstIdAt(to)
      const ofRoom = roomId === null ? Prisma.empty : Prisma.sql`AND room."id" = ${roomId}::uuid`
      const rows = await prisma.$queryRaw<{ roomId: string; first: number; last: number }[]>`
        SELECT room."id"::text AS "roomId", min(event."seq") AS first, max(event."seq") AS last
          FROM "Room" room JOIN "RoomEvent" event ON event."roomId" = room."id"
         WHERE (room."endedAt" >= ${from} OR room."endedAt" IS NULL) AND room."id" < ${created}::uuid ${ofRoom}
           AND event."at" >= ${from} AND event."at" < ${to} AND event."type"::text = ANY(${[...types]}::text[])
         GROUP BY room."id" LIMIT ${BACKLOG_MAX + 1}`
      if (rows.length > BACKLOG_MAX) return null
      if (rows.length === 0) return 0
      await prisma.$transaction([
        prisma.$executeRaw(BEGIN(replayId)),
        prisma.$executeRaw`
          INSERT INTO "DeliveryBacklog" ("destinationId", "roomId", "after", "upTo", "attempts", "nextAt", "since")
          SELECT ${replayId}, room."roomId", room.first - 1, room.last, 0, ${now}, ${from}
            FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS room("roomId" uuid, first int, last int)`,
      ])
      return rows.length
    },

    async purge(now) {
      const cutoff = new Date(now.getTime() - KEPT_DAYS * 86_400_000)
      const [row] = await statements.run<{ count: number }>(PURGE, [firstIdAt(cutoff), PURGE_BATCH])
      return row?.count === PURGE_BATCH
    },
  }
}
