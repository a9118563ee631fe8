import { readFile } from 'node:fs/promises'
import {
  buildSchema,
  getIntrospectionQuery,
  getOperationAST,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  parse,
  printSchema,
} from 'graphql'
import { expect, test } from 'vitest'
import { requireAffordable } from '../../src/graphql/cost.ts'
import { schema } from '../../src/graphql/schema.ts'

const committed = await readFile(new URL('../../src/graphql/schema.graphql', import.meta.url), 'utf8')

test('schema.graphql is the schema (npm run schema writes it)', () => {
  expect(`${printSchema(schema)}\n`).toBe(committed)
})

test('schema.graphql is sorted, so that diffs show only real changes', () => {
  expect(`${printSchema(lexicographicSortSchema(buildSchema(committed)))}\n`).toBe(committed)
})

test('every type, field, argument and enum value has a description', () => {
  const undescribed = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .flatMap(partsOf)
    .filter(([, description]) => !description)
    .map(([name]) => name)
  expect(undescribed).toEqual([])
})

test('tools can read the whole schema: the introspection of graphql-js is within the bound on cost', () => {
  const document = parse(getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true, oneOf: true }))
  const operation = getOperationAST(document) ?? expect.unreachable()
  expect(() => requireAffordable({ schema, document, operation, variables: {} })).not.toThrow()
})

/** The name and the description of a type and of each of its parts. */
function partsOf(type: GraphQLNamedType): [name: string, description: string | null | undefined][] {
  const { name } = type
  const parts: [string, string | null | undefined][] = [[name, type.description]]
  if (isEnumType(type)) {
    for (const value of type.getValues()) parts.push([`${name}.${value.name}`, value.description])
  }
  if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) parts.push([`${name}.${field.name}`, field.description])
  }
  if (isObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      parts.push([`${name}.${field.name}`, field.description])
      for (const argument of field.args) {
        parts.push([`${name}.${field.name}(${argument.name}:)`, argument.description])
      }
    }
  }
  return parts
}
