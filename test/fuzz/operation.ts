import fc from 'fast-check'
import {
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'
import { type Draw, json, number, text } from './values.ts'

export interface GeneratedRequest {
  readonly query: string
  readonly variables: Record<string, unknown>
}

const DEPTH_MAX = 4

/** An operation that is valid against the schema, with mostly valid values. */
export function operationOf(draw: Draw, schema: GraphQLSchema, roomIds: readonly string[]): GeneratedRequest {
  const kind = draw(fc.constantFrom('query', 'mutation', 'subscription'))
  const root = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  }[kind]
  if (!root) throw new Error(`the schema has no ${kind}`)
  const variables: Record<string, unknown> = {}
  const declared: string[] = []
  const call = (field: GraphQLField<unknown, unknown>): string => {
    const given = field.args.flatMap((argument) => {
      if (!isNonNullType(argument.type) && draw(fc.boolean())) return []
      const name = `v${declared.length}`
      declared.push(`$${name}: ${argument.type.toString()}`)
      variables[name] = valueOf(draw, argument.type, roomIds)
      return [`${argument.name}: $${name}`]
    })
    return field.name + (given.length > 0 ? `(${given.join(', ')})` : '')
  }
  const select = (type: GraphQLObjectType, depth: number): string => {
    const chosen = Object.values(type.getFields()).filter(() => draw(fc.integer({ max: 2, min: 0 })) > 0)
    const selections = chosen.flatMap((field) => {
      const inner = getNamedType(field.type)
      if (!isObjectType(inner)) return [call(field)]
      return depth < DEPTH_MAX ? [`${call(field)} ${select(inner, depth + 1)}`] : []
    })
    return `{ ${['__typename', ...selections].join(' ')} }`
  }
  const field = draw(fc.constantFrom(...Object.values(root.getFields())))
  const inner = getNamedType(field.type)
  const body = `{ ${call(field)} ${isObjectType(inner) ? select(inner, 1) : ''} }`
  return { query: `${kind} ${declared.length > 0 ? `(${declared.join(', ')})` : ''} ${body}`, variables }
}

function valueOf(draw: Draw, type: GraphQLInputType, roomIds: readonly string[]): unknown {
  if (draw(fc.nat(12)) === 0) return draw(json)
  const inner = getNullableType(type)
  if (isListType(inner)) {
    return Array.from({ length: draw(fc.nat(3)) }, () => valueOf(draw, inner.ofType, roomIds))
  }
  if (isEnumType(inner)) return draw(fc.constantFrom(...inner.getValues().map(({ name }) => name)))
  if (isInputObjectType(inner)) {
    const fields = Object.values(inner.getFields()).filter(({ type: of }) => isNonNullType(of) || draw(fc.boolean()))
    return Object.fromEntries(fields.map((field) => [field.name, valueOf(draw, field.type, roomIds)]))
  }
  if (inner.name === 'Int' || inner.name === 'Float') return draw(number)
  if (inner.name === 'Boolean') return draw(fc.boolean())
  return inner.name === 'JSON' ? draw(json) : draw(text(roomIds))
}
