import type { MediaProvider } from '../core/media-provider.ts'
import type {
  EndReason,
  LeaveReason,
  MediaType,
  ParticipantRole,
  ParticipantState,
  Reach,
  RoomAccess,
  RoomEventType,
  RoomStatus,
  RoomType,
} from './model.ts'

/** A row as returned by PostgreSQL's `to_jsonb` and as stored in events: times are strings. */
export type JsonRow = { readonly [column: string]: unknown }

/** Maps each database enum to its domain type. */
interface Enums {
  readonly EndReason: EndReason
  readonly LeaveReason: LeaveReason
  readonly MediaProvider: MediaProvider
  readonly MediaType: MediaType
  readonly ParticipantRole: ParticipantRole
  readonly ParticipantState: ParticipantState
  readonly Reach: Reach
  readonly RoomAccess: RoomAccess
  readonly RoomEventType: RoomEventType
  readonly RoomStatus: RoomStatus
  readonly RoomType: RoomType
}

type EnumOf<Value> = {
  [Name in keyof Enums]: [Value, Enums[Name]] extends [Enums[Name], Value] ? Name : never
}[keyof Enums]

/** The PostgreSQL types that may store a domain value. */
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
  /** Whether a commit may change it; an immutable column is written once, with the insert. */
  readonly mutable: boolean
  /** Its name in the database and in stored events. @default the field's name */
  readonly name?: string
} & (null extends Value ? { readonly nullable: true } : { readonly nullable?: false })

/** One column for each field. */
export type Columns<Fields> = { readonly [Field in keyof Fields & string]: Column<Fields[Field]> }

/** SQL fragments and row conversions derived from a table's columns. */
export interface Table<Fields> {
  readonly columns: Columns<Fields>
  /** SQL: all columns, as an INSERT lists them. */
  readonly columnList: string
  /** The mutable columns with their SQL types. */
  readonly mutable: readonly { readonly name: string; readonly type: string }[]
  /** SQL: the assignments of an upsert. */
  readonly assignments: string
  /** @throws TypeError when a column that is not nullable is missing */
  fromRow(row: JsonRow): Fields
  /** Only the fields that are present in the row. */
  partialFromRow(row: JsonRow): Partial<Fields>
  /** SQL: the columns of these fields. */
  columnsOf(fields: readonly (keyof Fields & string)[]): readonly string[]
  /** The fields of `count` rows whose columns were read as one array each, by column, added to the `given` fields. */
  fromColumns<Given extends Partial<Fields>>(
    fields: readonly (keyof Fields & string)[],
    arrays: JsonRow,
    options: { readonly count: number; readonly given: Given },
  ): readonly (Partial<Fields> & Given)[]
  toRow(fields: Partial<Fields>): JsonRow
  /**
   * A row for functions such as `json_populate_record`: without its null columns, which these functions set to null. They
   * take most of their time for the columns that are present.
   */
  toGivenRow(fields: Fields): JsonRow
  /** {@link toGivenRow} of only the mutable columns. */
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
      // A node of a newer version has written this column: keep it in the events that this node writes.
      if (!column) fields[name] = value
      else fields[column.field] = column.isTime && typeof value === 'string' ? new Date(value) : value
    }
    return fields as Partial<Fields>
  }

  /** Sets missing columns to null: events of older versions lack columns added since, which are nullable. */
  function fillMissing(fields: Partial<Fields>): asserts fields is Fields {
    for (const { field, name, isNullable } of all) {
      if (fields[field] !== undefined) continue
      if (!isNullable) throw new TypeError(`row of ${tableName} without column ${name}`)
      Object.assign(fields, { [field]: null })
    }
  }

  const withoutNulls = (written: readonly NamedColumn<Fields>[], fields: Fields): JsonRow => {
    const row: Record<string, unknown> = {}
    for (const { field, name } of written) {
      const value = fields[field]
      if (value !== null) row[name] = value
    }
    return row
  }

  return {
    columns,
    columnList: listOf(all),
    mutable: mutable.map(({ field, name }) => ({ name, type: quotedType(columns[field].type) })),
    assignments: mutable.map(({ name }) => `"${name}" = excluded."${name}"`).join(', '),
    fromRow(row) {
      const fields = partialFromRow(row)
      fillMissing(fields)
      return fields
    },
    partialFromRow,
    columnsOf: (fields) => fields.map((field) => `"${columns[field].name ?? field}"`),
    fromColumns<Given extends Partial<Fields>>(
      fields: readonly (keyof Fields & string)[],
      arrays: JsonRow,
      { count, given }: { readonly count: number; readonly given: Given },
    ) {
      const rows: Record<string, unknown>[] = []
      // Not copies of `given`, which would have no space for further properties.
      for (let index = 0; index < count; index += 1) rows.push({})
      for (const field in given) for (const row of rows) row[field] = given[field]
      for (const field of fields) {
        const { name, isTime } = byField.get(field) ?? { name: field, isTime: false }
        const column = (arrays[name] ?? []) as readonly unknown[]
        let index = 0
        for (const row of rows) {
          const value = column[index]
          row[field] = isTime && typeof value === 'string' ? new Date(value) : value
          index += 1
        }
      }
      return rows as (Partial<Fields> & Given)[]
    },
    toRow(fields) {
      const row: Record<string, unknown> = {}
      for (const field in fields) row[byField.get(field)?.name ?? field] = fields[field]
      return row
    },
    toGivenRow: (fields) => withoutNulls(all, fields),
    toMutableRow: (fields) => withoutNulls(mutable, fields),
  }
}

/** Quotes the names of the schema's own enum types, which contain capitals. */
const quotedType = (type: string): string => (/^[A-Z]/.test(type) ? `"${type}"` : type)

const listOf = (columns: readonly { readonly name: string }[]): string =>
  columns.map(({ name }) => `"${name}"`).join(', ')
