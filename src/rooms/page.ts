import { firstIdAt } from '../core/ids.ts'
import { Prisma } from '../db/generated/prisma/client.ts'
import type { EndReason, MediaType, RoomStatus, RoomType } from './model.ts'
import type { ReadScope } from './policy.ts'

export interface PageFilter {
  readonly status?: RoomStatus | null
  readonly endReason?: EndReason | null
  readonly type?: RoomType | null
  readonly mediaType?: MediaType | null
  /** Another user who is, or was, a participant. */
  readonly peer?: string | null
  /** Created at or after. */
  readonly from?: Date | null
  /** Created before. */
  readonly to?: Date | null
}

export interface PageQuery {
  readonly scope: ReadScope
  readonly filter: PageFilter
  /** Room ids, exclusive: the page begins after `after` and ends before `before`, newest first. */
  readonly after: string | null
  readonly before: string | null
  /** Take the last rooms of that range instead of the first. */
  readonly backward: boolean
  readonly limit: number
}

/** The statement for one page of rooms, in index order: a backward page is oldest first. */
export function pageStatement(query: PageQuery): Prisma.Sql {
  const order = Prisma.raw(query.backward ? 'ASC' : 'DESC')
  return Prisma.sql`
    SELECT to_jsonb(room) AS room ${scopeOf(query)} AND ${conditions(query)}
     ORDER BY ${idOf(query)} ${order} LIMIT ${query.limit}`
}

/** The indexed column that orders the page: of all rooms, or of one user's rooms. */
const idOf = ({ scope }: PageQuery): Prisma.Sql => (scope === 'all' ? Prisma.sql`room."id"` : Prisma.sql`me."roomId"`)

const plusDays = (time: Date, days: 1 | -1): Date => new Date(time.getTime() + days * 86_400_000)

function scopeOf({ scope }: PageQuery): Prisma.Sql {
  if (scope === 'all') return Prisma.sql`FROM "Room" room WHERE true`
  return Prisma.sql`
    FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
   WHERE me."userId" = ${scope.participantId} AND me."state" <> ${scope.exceptState}::"ParticipantState"`
}

/** Bounds on the id are written for both tables, because the planner does not propagate inequalities across the join. */
function conditions({ scope, filter, after, before }: PageQuery): Prisma.Sql {
  const ids = scope === 'all' ? [Prisma.sql`room."id"`] : [Prisma.sql`me."roomId"`, Prisma.sql`room."id"`]
  const bounds = ids.flatMap((id) => [
    after && Prisma.sql`${id} < ${after}::uuid`,
    before && Prisma.sql`${id} > ${before}::uuid`,
    // UUID v7 ids are ordered by time. One extra day on either side allows for wrong clocks.
    filter.from && Prisma.sql`${id} >= ${firstIdAt(plusDays(filter.from, -1))}::uuid`,
    filter.to && Prisma.sql`${id} < ${firstIdAt(plusDays(filter.to, 1))}::uuid`,
  ])
  const terms = [
    ...bounds,
    filter.status && Prisma.sql`room."status" = ${filter.status}::"RoomStatus"`,
    filter.endReason && Prisma.sql`room."endReason" = ${filter.endReason}::"EndReason"`,
    filter.type && Prisma.sql`room."type" = ${filter.type}::"RoomType"`,
    filter.mediaType && Prisma.sql`room."mediaType" = ${filter.mediaType}::"MediaType"`,
    filter.peer &&
      Prisma.sql`EXISTS (SELECT FROM "Participant" peer WHERE peer."roomId" = room."id" AND peer."userId" = ${filter.peer})`,
    filter.from && Prisma.sql`room."createdAt" >= ${filter.from}`,
    filter.to && Prisma.sql`room."createdAt" < ${filter.to}`,
  ]
  // A room that is being deleted has no events.
  return Prisma.join([Prisma.sql`room."seq" > 0`, ...terms.filter((term) => term instanceof Prisma.Sql)], ' AND ')
}
