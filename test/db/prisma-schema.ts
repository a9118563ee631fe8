import { readFileSync } from 'node:fs'

export const readSchema = (): string => readFileSync(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8')

interface Block {
  readonly name: string
  readonly lines: readonly string[]
}

/**
 * Describes the database of a Prisma schema, one sentence per table, column, enum, index and key, in the format of
 * `describeDatabase`.
 *
 * @throws Error on unsupported syntax in the schema
 */
export function describeSchema(source: string): string[] {
  const models = blocks('model', source)
  const enums = blocks('enum', source)
  const isModel = (type: string) => models.some(({ name }) => name === type)
  const isEnum = (type: string) => enums.some(({ name }) => name === type)
  return [
    ...enums.map(({ name, lines }) => `enum ${name}: ${lines.join(', ')}`),
    ...models.flatMap(({ name: table, lines }) => [
      `table ${table}`,
      ...lines.flatMap((line) => {
        if (line.startsWith('@@')) return [describeBlockAttribute(table, line)]
        const field = parseField(line)
        // One side of a relation is a foreign key; the other side is not in the database.
        if (isModel(field.type)) return field.attributes.map((attribute) => describeRelation(table, field, attribute))
        return describeColumn(table, field, isEnum(field.type))
      }),
    ]),
  ]
}

function blocks(kind: 'model' | 'enum', source: string): Block[] {
  const found = [...source.matchAll(new RegExp(`^${kind} (\\w+) \\{\\n(.*?)^\\}`, 'gms'))]
  return found.map(([, name = '', body = '']) => ({
    name,
    lines: body
      .split('\n')
      .map((line) => line.replace(/\/\/.*/, '').trim())
      .filter(Boolean),
  }))
}

interface Field {
  /** The name of the column. */
  readonly name: string
  readonly type: string
  readonly suffix: string
  readonly attributes: readonly string[]
}

function parseField(line: string): Field {
  const [, field = '', type = '', suffix = '', rest = ''] =
    /^(\w+)\s+(\w+(?:\("\w+"\))?)(\[\]|\?)?(.*)$/.exec(line) ?? unknown(line)
  const all: readonly string[] = rest.match(/@[\w.]+(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?/g) ?? []
  const attributes = all.filter((attribute) => !MAPPED.test(attribute))
  const name = all.map((attribute) => MAPPED.exec(attribute)?.[1]).find((mapped) => mapped !== undefined) ?? field
  return { name, type, suffix, attributes }
}

/** The column's name, if it differs from the field's. */
const MAPPED = /^@map\("(\w+)"\)$/

const SCALARS: Record<string, string> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double precision',
  Boolean: 'boolean',
  Json: 'jsonb',
  Bytes: 'bytea',
}

/** A type that Prisma's client does not support. */
const UNSUPPORTED = /^Unsupported\("(\w+)"\)$/

const NATIVE: Record<string, string> = { '@db.Uuid': 'uuid', '@db.Timestamptz(3)': 'timestamp(3) with time zone' }

function describeColumn(table: string, { name, type, suffix, attributes }: Field, isEnum: boolean): string[] {
  let sqlType = isEnum ? `enum ${type}` : (SCALARS[type] ?? UNSUPPORTED.exec(type)?.[1])
  let fallback = ''
  const others: string[] = []
  for (const attribute of attributes) {
    const value = /^@default\((.*)\)$/.exec(attribute)?.[1]
    if (NATIVE[attribute]) sqlType = NATIVE[attribute]
    else if (attribute === '@id') others.push(`primary key ${table}_pkey (${name})`)
    else if (attribute === '@unique') others.push(`unique index ${table}_${name}_key on ${table} (${name})`)
    else if (value === undefined) unknown(attribute)
    else fallback = ` default ${describeDefault({ table, name, type, isEnum }, value)}`
    if (value === 'autoincrement()') others.push(`sequence ${table}_${name}_seq`)
  }
  if (!sqlType) unknown(`${name} ${type}`)
  // Prisma creates list columns as nullable and reads null as an empty list.
  const nullability = { '': ' not null', '?': '', '[]': '' }[suffix]
  return [`${table}.${name} ${sqlType}${suffix === '[]' ? suffix : ''}${nullability}${fallback}`, ...others]
}

function describeDefault(
  column: { table: string; name: string; type: string; isEnum: boolean },
  value: string,
): string {
  if (column.isEnum) return `'${value}'::"${column.type}"`
  if (value === 'now()') return 'CURRENT_TIMESTAMP'
  if (value === 'autoincrement()') return `nextval('"${column.table}_${column.name}_seq"'::regclass)`
  const expression = /^dbgenerated\("(.*)"\)$/.exec(value)?.[1]
  if (expression !== undefined) return expression
  if (/^".*"$/.test(value)) return `'${value.slice(1, -1)}'::text`
  return /^(true|false|\d+)$/.test(value) ? value : unknown(value)
}

function describeBlockAttribute(table: string, line: string): string {
  const [, attribute = '', list = ''] = /^@@(\w+)\(\[(.*)\]\)$/.exec(line) ?? unknown(line)
  const columns = list.split(/,\s*/).map((item) => {
    const [, name = '', sort] = /^(\w+)(?:\(sort: (Asc|Desc)\))?$/.exec(item) ?? unknown(line)
    return { name, sentence: sort === 'Desc' ? `${name} desc` : name }
  })
  const name = [table, ...columns.map((column) => column.name)].join('_')
  const sentences = columns.map(({ sentence }) => sentence).join(', ')
  switch (attribute) {
    case 'id':
      return `primary key ${table}_pkey (${sentences})`
    case 'unique':
      return `unique index ${name}_key on ${table} (${sentences})`
    case 'index':
      return `index ${name}_idx on ${table} (${sentences})`
    default:
      return unknown(line)
  }
}

function describeRelation(table: string, { type: target }: Field, attribute: string): string {
  const [, fields = '', references = '', action = ''] =
    /^@relation\(fields: \[(.*)\], references: \[(.*)\], onDelete: (\w+)\)$/.exec(attribute) ?? unknown(attribute)
  const name = [table, ...fields.split(/,\s*/), 'fkey'].join('_')
  const onDelete = action.replaceAll(/(?!^)[A-Z]/g, ' $&').toLowerCase()
  return `foreign key ${name} (${fields}) to ${target} (${references}) on delete ${onDelete} on update cascade`
}

function unknown(text: string): never {
  throw new Error(`Not supported by the test of the schema: ${text}`)
}
