import type { MediaProvider } from '../core/media-provider.ts'
import type {
  EndReason,
  LeaveReason,
  MediaType,
  ParticipantRole,
  ParticipantState,
  RoomAccess,
  RoomEventType,
  RoomStatus,
  RoomType,
} from './model.ts'

/** A row as PostgreSQL's `to_jsonb` gives it, and as stored events hold it: every time is a string. */
export type JsonRow = { readonly [column: string]: unknown }

/** The enums of the database and the type of the domain that each one holds. */
interface Enums {
  readonly EndReason: EndReason
  readonly LeaveReason: LeaveReason
  readonly MediaProvider: MediaProvider
  readonly MediaType: MediaType
  readonly ParticipantRole: ParticipantRole
  readonly ParticipantState: ParticipantState
  readonly RoomAccess: RoomAccess
  readonly RoomEventType: RoomEventType
  readonly RoomStatus: RoomStatus
  readonly RoomType: RoomType
}

type EnumOf<Value> = {
  [Name in keyof Enums]: [Value, Enums[Name]] extends [Enums[Name], Value] ? Name : never
}[keyof Enums]

/** The types of PostgreSQL that may hold a value of the domain. */
type SqlType<Value> = [Value] extends [Date]
  ? 'timestamptz(3)'
  : [Value] extends [boolean]
    ? 'boolean'
    : [Value] extends [number]
      ? 'integer' | 'double precision'
      : [Value] extends [string]
        ? string extends Value
          ? 'uuid' | 'text'
          : EnumOf<Value>
        : 'jsonb'

export type Column<Value> = {
  readonly type: SqlType<NonNullable<Value>>
  /** Whether a commit may change it; otherwise it is written once, with the row. */
  readonly mutable: boolean
  /** In the database and in stored events. @default the field's own name */
  readonly name?: string
} & (null extends Value ? { readonly nullable: true } : { readonly nullable?: false })

/** One column for each field. */
export type Columns<Fields> = { readonly [Field in keyof Fields & string]: Column<Fields[Field]> }

/** Everything that depends on which columns a table has. */
export interface Table<Fields> {
  readonly columns: Columns<Fields>
  /** SQL: all columns, as an INSERT lists them. */
  readonly columnList: string
  /** The columns that a commit may change, with their types in SQL. */
  readonly mutable: readonly { readonly name: string; readonly type: string }[]
  /** SQL: what an upsert does to the row that is there. */
  readonly assignments: string
  /** @throws TypeError when a column is missing that is not nullable */
  fromRow(row: JsonRow): Fields
  /** Only the fields that the row has. */
  partialFromRow(row: JsonRow): Partial<Fields>
  toRow(fields: Partial<Fields>): JsonRow
  /** The row without what never changes. */
  toMutableRow(fields: Fields): JsonRow
}

interface NamedColumn<Fields> {
  readonly field: keyof Fields & string
  readonly name: string
  readonly isTime: boolean
  readonly isNullable: boolean
}

export function defineTable<Fields extends object>(tableName: string, columns: Columns<Fields>): Table<Fields> {
  const fieldNames = Object.keys(columns) as (keyof Fields & string)[]
  const all = fieldNames.map((field): NamedColumn<Fields> => {
    const { type, nullable = false, name = field } = columns[field]
    return { field, name, isTime: type === 'timestamptz(3)', isNullable: nullable }
  })
  const mutable = all.filter(({ field }) => columns[field].mutable)
  const byName = new Map(all.map((column) => [column.name, column]))
  const byField = new Map<string, NamedColumn<Fields>>(all.map((column) => [column.field, column]))

  const partialFromRow = (row: JsonRow): Partial<Fields> => {
    const fields: Record<string, unknown> = {}
    for (const name in row) {
      const value = row[name]
      const column = byName.get(name)
      // A node of a newer version has written the column: it goes along into the events of this one.
      if (!column) fields[name] = value
      else fields[column.field] = column.isTime && typeof value === 'string' ? new Date(value) : value
    }
    return fields as Partial<Fields>
  }

  /** Rows in the events of older versions lack the columns that were added since, which are nullable. */
  function complete(fields: Partial<Fields>): asserts fields is Fields {
    for (const { field, name, isNullable } of all) {
      if (fields[field] !== undefined) continue
      if (!isNullable) throw new TypeError(`a row of ${tableName} lacks the column ${name}`)
      Object.assign(fields, { [field]: null })
    }
  }

  return {
    columns,
    columnList: listOf(all),
    mutable: mutable.map(({ field, name }) => ({ name, type: quotedType(columns[field].type) })),
    assignments: mutable.map(({ name }) => `"${name}" = excluded."${name}"`).join(', '),
    fromRow(row) {
      const fields = partialFromRow(row)
      complete(fields)
      return fields
    },
    partialFromRow,
    toRow(fields) {
      const row: Record<string, unknown> = {}
      for (const field in fields) row[byField.get(field)?.name ?? field] = fields[field]
      return row
    },
    toMutableRow(fields) {
      const row: Record<string, unknown> = {}
      for (const { field, name } of mutable) row[name] = fields[field]
      return row
    },
  }
}

/** The names of our own types are written with capitals, which SQL has to be told. */
const quotedType = (type: string): string => (/^[A-Z]/.test(type) ? `"${type}"` : type)

const listOf = (columns: readonly { readonly name: string }[]): string =>
  columns.map(({ name }) => `"${name}"`).join(', ')
