import { firstIdAt } from '../core/ids.ts'
import { Prisma } from '../db/generated/prisma/client.ts'
import type { EndReason, MediaType, RoomStatus, RoomType } from './model.ts'
import type { ReadScope } from './policy.ts'

export interface PageFilter {
  readonly status?: RoomStatus | null
  readonly endReason?: EndReason | null
  readonly type?: RoomType | null
  readonly mediaType?: MediaType | null
  /** A user who has, or had, a place in the room, too. */
  readonly peer?: string | null
  /** Created at or after. */
  readonly from?: Date | null
  /** Created before. */
  readonly to?: Date | null
}

export interface PageQuery {
  readonly scope: ReadScope
  readonly filter: PageFilter
  /** Room ids, exclusive: the page lies behind `after` and before `before`, newest first. */
  readonly after: string | null
  readonly before: string | null
  /** Take the last rooms of that range instead of the first. */
  readonly backward: boolean
  readonly limit: number
}

/** The statement for one page of rooms, in the order in which it walks the index. */
export function pageStatement(query: PageQuery): Prisma.Sql {
  const order = Prisma.raw(query.backward ? 'ASC' : 'DESC')
  return Prisma.sql`
    SELECT to_jsonb(room) AS room ${scopeOf(query)} AND ${conditions(query)}
     ORDER BY ${idOf(query)} ${order} LIMIT ${query.limit}`
}

/** The index that gives the order: of everybody's rooms or of one user's. */
const idOf = ({ scope }: PageQuery): Prisma.Sql => (scope === 'all' ? Prisma.sql`room."id"` : Prisma.sql`me."roomId"`)

const aDay = (time: Date, direction: 1 | -1): Date => new Date(time.getTime() + direction * 86_400_000)

function scopeOf({ scope }: PageQuery): Prisma.Sql {
  if (scope === 'all') return Prisma.sql`FROM "Room" room WHERE true`
  return Prisma.sql`
    FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
   WHERE me."userId" = ${scope.participantId} AND me."state" <> ${scope.exceptState}::"ParticipantState"`
}

/** Bounds on the id are told for both tables: the planner does not carry them over the join. */
function conditions({ scope, filter, after, before }: PageQuery): Prisma.Sql {
  const ids = scope === 'all' ? [Prisma.sql`room."id"`] : [Prisma.sql`me."roomId"`, Prisma.sql`room."id"`]
  const bounds = ids.flatMap((id) => [
    after && Prisma.sql`${id} < ${after}::uuid`,
    before && Prisma.sql`${id} > ${before}::uuid`,
    // Ids rise with time. A day more on either side makes up for clocks that were wrong.
    filter.from && Prisma.sql`${id} >= ${firstIdAt(aDay(filter.from, -1))}::uuid`,
    filter.to && Prisma.sql`${id} < ${firstIdAt(aDay(filter.to, 1))}::uuid`,
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
  return Prisma.join([Prisma.sql`true`, ...terms.filter((term) => term instanceof Prisma.Sql)], ' AND ')
}
