import { firstIdAt } from '../core/ids.ts'
import { type Statement, statement } from '../db/statement.ts'
import type { EndReason, MediaType, RoomStatus, RoomType } from './model.ts'
import type { ReadScope } from './policy.ts'
import { preparedProjection, projectedFrom, roomColumns, widest } from './projected-rows.ts'
import type { Projection } from './projection.ts'
import type { JsonRow } from './table.ts'

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

/** Participants that one statement reads, so that parsing the result does not block the event loop. */
export const PARTICIPANTS_READ_MAX = 1000

/** The only row of a page. */
export interface PageRow {
  /** In index order: a backward page is oldest first. */
  readonly rooms: readonly JsonRow[]
}

interface BoundStatement {
  readonly statement: Statement
  readonly values: readonly unknown[]
}

/**
 * The statement for one page of rooms, which returns a {@link PageRow}. Without a filter it is one of a few prepared
 * statements. With a filter, the best plan depends on the values, and there are too many combinations to prepare.
 */
export function pageStatement(query: PageQuery): BoundStatement {
  const { bind, values } = parameters()
  const order = query.backward ? 'ASC' : 'DESC'
  const text = `
    SELECT coalesce(json_agg(row_to_json(page) ORDER BY page."id" ${order}), '[]') AS rooms
      FROM (${roomsOf(query, 'room.*', bind)}) page`
  return { statement: isFiltered(query) ? { text } : prepared(text), values }
}

/**
 * The statement for one page of rooms that reads only some columns, or all if too many such statements were prepared. It
 * returns a {@link ProjectedRow} for each room in index order. The participants of a room are one more than {@link participantsMax} if there are more than that.
 */
export function projectedPageStatement(
  query: PageQuery,
  projection: Projection,
): BoundStatement & { readonly projection: Projection } {
  const { bind, values } = parameters()
  const order = query.backward ? 'ASC' : 'DESC'
  const rooms = roomsOf(query, roomColumns(projection), bind)
  const limit = projection.participants ? `LIMIT ${bind(participantsMax(query) + 1, 'integer')}` : ''
  const text = `${projectedFrom(rooms, projection, { limit })} ORDER BY room."id" ${order}`
  const known = isFiltered(query) ? { text } : preparedProjection(text, projection)
  return known ? { statement: known, values, projection } : projectedPageStatement(query, widest(projection))
}

/** Participants of each room that are read with a page. */
export const participantsMax = ({ limit }: Pick<PageQuery, 'limit'>): number =>
  Math.floor(PARTICIPANTS_READ_MAX / limit)

const isFiltered = ({ filter }: PageQuery): boolean =>
  Object.values(filter).some((value) => value !== null && value !== undefined)

function parameters(): { bind: Bind; values: readonly unknown[] } {
  const values: unknown[] = []
  return { bind: (value, type) => `$${values.push(value)}::${type}`, values }
}

/** The prepared statements by text: one for each kind of scope, direction and pair of cursors. */
const statements = new Map<string, Statement>()

function prepared(text: string): Statement {
  const known = statements.get(text)
  if (known) return known
  const created = statement(text)
  statements.set(text, created)
  return created
}

/** Adds a parameter of an SQL type; returns its placeholder. */
type Bind = (value: unknown, type: string) => string

/** SQL: the rooms of the page, in index order. */
function roomsOf(query: PageQuery, columns: string, bind: Bind): string {
  const order = query.backward ? 'ASC' : 'DESC'
  return `SELECT ${columns} ${scopeOf(query, bind)} AND ${conditions(query, bind).join(' AND ')}
     ORDER BY ${query.scope === 'all' ? 'room."id"' : 'me."roomId"'} ${order} LIMIT ${bind(query.limit, 'integer')}`
}

/** The state is a literal: without it, the planner of a prepared statement would expect few rows, and sort all of them. */
function scopeOf({ scope }: PageQuery, bind: Bind): string {
  if (scope === 'all') return 'FROM "Room" room WHERE true'
  return `FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
   WHERE me."userId" = ${bind(scope.participantId, 'text')}
     ${scope.exceptState ? `AND me."state" <> '${scope.exceptState}'` : ''}`
}

const plusDays = (time: Date, days: 1 | -1): Date => new Date(time.getTime() + days * 86_400_000)

/** Bounds on the id are written for both tables, because the planner does not propagate inequalities across the join. */
function conditions({ scope, filter, after, before }: PageQuery, bind: Bind): string[] {
  // A room that is being deleted has no events.
  const terms = ['room."seq" > 0']
  const add = <Value>(value: Value | null | undefined, term: (value: Value) => string): void => {
    if (value !== null && value !== undefined) terms.push(term(value))
  }
  for (const id of scope === 'all' ? ['room."id"'] : ['me."roomId"', 'room."id"']) {
    add(after, (end) => `${id} < ${bind(end, 'uuid')}`)
    add(before, (end) => `${id} > ${bind(end, 'uuid')}`)
    // UUID v7 ids are ordered by time. One extra day on either side allows for wrong clocks.
    add(filter.from, (from) => `${id} >= ${bind(firstIdAt(plusDays(from, -1)), 'uuid')}`)
    add(filter.to, (to) => `${id} < ${bind(firstIdAt(plusDays(to, 1)), 'uuid')}`)
  }
  add(filter.status, (status) => `room."status" = ${bind(status, '"RoomStatus"')}`)
  add(filter.endReason, (reason) => `room."endReason" = ${bind(reason, '"EndReason"')}`)
  add(filter.type, (type) => `room."type" = ${bind(type, '"RoomType"')}`)
  add(filter.mediaType, (type) => `room."mediaType" = ${bind(type, '"MediaType"')}`)
  add(
    filter.peer,
    (peer) => `EXISTS (
      SELECT FROM "Participant" peer WHERE peer."roomId" = room."id" AND peer."userId" = ${bind(peer, 'text')})`,
  )
  add(filter.from, (from) => `room."createdAt" >= ${bind(from.toISOString(), 'timestamptz')}`)
  add(filter.to, (to) => `room."createdAt" < ${bind(to.toISOString(), 'timestamptz')}`)
  return terms
}
