import { createHash } from 'node:crypto'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { Prisma, type PrismaClient } from '../db/generated/prisma/client.ts'

export const AUDIT_ACTIONS = [
  'end_room',
  'remove_participant',
  'transfer_host',
  'disconnect_user',
  'end_all_rooms',
  'export_user',
  'erase_user',
  'change_webhooks',
] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/** An action of an administrator. */
export interface AuditEntry {
  readonly id: string
  readonly at: Date
  readonly actorId: string
  readonly action: AuditAction
  /** {@link subjectOf} the user concerned; null if the action concerned no user. */
  readonly subject: string | null
  readonly roomId: string | null
}

export interface AuditFilter {
  readonly action?: AuditAction | null
  readonly actorId?: string | null
  /** The user concerned. */
  readonly userId?: string | null
  /** At or after. */
  readonly since?: Date | null
}

export interface AuditLog {
  /** Writes an entry; resolves when it is stored. */
  record(entry: {
    readonly actor: Actor
    readonly action: AuditAction
    readonly userId?: string | null
    readonly roomId?: string | null
  }): Promise<void>
  /** At most `limit` entries with an id below `after`, newest first. */
  page(filter: AuditFilter, options: { readonly after: string | null; readonly limit: number }): Promise<AuditEntry[]>
}

/** Stands for a user in the log: the same for the same user, and not their id, which the log outlives. */
export const subjectOf = (userId: string): string => createHash('sha256').update(`rtc:${userId}`).digest('hex')

export function createAuditLog(dependencies: {
  readonly prisma: PrismaClient
  readonly clock: Clock
  newId(): string
}): AuditLog {
  const { prisma, clock, newId } = dependencies
  return {
    async record({ actor, action, userId = null, roomId = null }) {
      const subject = userId === null ? null : subjectOf(userId)
      await prisma.$executeRaw`
        INSERT INTO "AuditEntry" ("id", "at", "actorId", "action", "subject", "roomId")
        VALUES (${newId()}::uuid, ${clock.now()}, ${actor.id}, ${action}, ${subject}, ${roomId}::uuid)`
    },

    page({ action, actorId, userId, since }, { after, limit }) {
      const terms = [
        action && Prisma.sql`"action" = ${action}`,
        actorId && Prisma.sql`"actorId" = ${actorId}`,
        userId && Prisma.sql`"subject" = ${subjectOf(userId)}`,
        since && Prisma.sql`"at" >= ${since}`,
        after && Prisma.sql`"id" < ${after}::uuid`,
      ]
      const condition = Prisma.join([Prisma.sql`true`, ...terms.filter((term) => term instanceof Prisma.Sql)], ' AND ')
      return prisma.$queryRaw<AuditEntry[]>`
        SELECT "id"::text, "at", "actorId", "action", "subject", "roomId"::text FROM "AuditEntry"
         WHERE ${condition} ORDER BY "id" DESC LIMIT ${limit}`
    },
  }
}
