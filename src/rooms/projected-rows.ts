import { type Statement, statement } from '../db/statement.ts'
import { PARTICIPANTS, ROOMS } from './columns.ts'
import type { Participant, RoomFields } from './model.ts'
import type { ProjectedRoom, Projection } from './projection.ts'
import type { JsonRow } from './table.ts'

/**
 * A room as `row_to_json` has it. Its participants are one array for each column, the cheapest form to build and to parse.
 */
export interface ProjectedRow extends JsonRow {
  readonly room: JsonRow
  /** The number of participants; absent if they were not requested. */
  readonly count?: number
}

const ALL_ROOM_FIELDS = Object.keys(ROOMS.columns) as readonly (keyof RoomFields)[]
const ALL_PARTICIPANT_FIELDS = Object.keys(PARTICIPANTS.columns) as readonly (keyof Participant)[]

/** The projection to all columns, with participants if those are requested. */
export const widest = ({ participants }: Projection): Projection => ({
  room: 'all',
  participants: participants && 'all',
})

const isWidest = ({ room, participants }: Projection): boolean =>
  room === 'all' && (participants === 'all' || participants === null)

/** SQL: the columns of the table "Room", named `room`, in their order in the table. */
export const roomColumns = ({ room }: Projection): string =>
  ROOMS.columnsOf(ALL_ROOM_FIELDS.filter((field) => field === 'id' || room === 'all' || room.includes(field)))
    .map((column) => `room.${column}`)
    .join(', ')

/** SQL: the source of a query for one room. A room that is being deleted has no events. */
export const existingRoom = (id: string): string => `FROM "Room" room WHERE room."id" = ${id} AND room."seq" > 0`

/**
 * SQL: a {@link ProjectedRow} for each row of a query.
 *
 * @param rooms - selects {@link roomColumns}
 * @param options.limit - SQL: a LIMIT of the participants of each room. @default none
 * @param options.viewer - SQL: a user, whose participant state is read as `viewerState`. @default none
 */
export function projectedFrom(
  rooms: string,
  { participants }: Projection,
  { limit = '', viewer }: { readonly limit?: string; readonly viewer?: string },
): string {
  if (!participants) {
    const state = viewer
      ? `, (SELECT me."state"::text FROM "Participant" me
             WHERE me."roomId" = room."id" AND me."userId" = ${viewer}) AS "viewerState"`
      : ''
    return `SELECT row_to_json(room) AS room${state} FROM (${rooms}) room`
  }
  const columns = [
    'count(*)::integer AS count',
    ...(viewer ? [`max(p."state"::text) FILTER (WHERE p."userId" = ${viewer}) AS "viewerState"`] : []),
    ...PARTICIPANTS.columnsOf(columnFieldsOf(participants)).map((column) => `json_agg(p.${column}) AS ${column}`),
  ]
  return `SELECT row_to_json(room) AS room, people.* FROM (${rooms}) room, LATERAL (
    SELECT ${columns.join(', ')}
      FROM (SELECT * FROM "Participant" p WHERE p."roomId" = room."id" ORDER BY p."ordinal" ${limit}) p) people`
}

/**
 * @param participantsMax - the participants are left out if there are more. @default Infinity
 */
export function toProjectedRoom(
  row: ProjectedRow,
  { participants }: Projection,
  participantsMax = Infinity,
): ProjectedRoom {
  const room = { ...ROOMS.partialFromRow(row.room), id: String(row.room['id']) }
  const { count } = row
  if (!participants || count === undefined || count > participantsMax) return room
  const given = { roomId: room.id }
  return { ...room, participants: PARTICIPANTS.fromColumns(columnFieldsOf(participants), row, { count, given }) }
}

/** The fields that are read, in the order of the table, so that the order in a selection does not matter. */
function columnFieldsOf(participants: NonNullable<Projection['participants']>): readonly (keyof Participant)[] {
  if (participants === 'all') return EVERY_COLUMN
  const known = columnFields.get(participants)
  if (known) return known
  const fields = EVERY_COLUMN.filter((field) => participants.includes(field))
  columnFields.set(participants, fields)
  return fields
}

const EVERY_COLUMN = ALL_PARTICIPANT_FIELDS.filter((field) => field !== 'roomId')
const columnFields = new WeakMap<readonly (keyof Participant)[], readonly (keyof Participant)[]>()

/** Statements with different columns that are prepared: connections never forget one. */
const PREPARED_MAX = 64
const prepared = new Map<string, Statement>()

/** The prepared statement; undefined if too many have been prepared, unless it is the {@link widest}. */
export function preparedProjection(text: string, projection: Projection): Statement | undefined {
  const known = prepared.get(text)
  if (known) return known
  if (prepared.size >= PREPARED_MAX && !isWidest(projection)) return undefined
  const created = statement(text)
  prepared.set(text, created)
  return created
}
