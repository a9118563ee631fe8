import { GraphQLError, GraphQLID, Kind, print, type ValueNode, valueFromASTUntyped } from 'graphql'
import { parseTime, TIME_RULE } from '../core/time.ts'
import { builder } from './builder.ts'

/** Longest piece of an input that an error message repeats. */
const ECHO = 40

const refuse = (message: string, node?: ValueNode) => new GraphQLError(message, { nodes: node ?? null })

function timeOf(value: unknown, node?: ValueNode): Date {
  const time = typeof value === 'string' ? parseTime(value) : undefined
  if (!time) throw refuse(`DateTime ${TIME_RULE}`, node)
  return time
}

builder.scalarType('DateTime', {
  description:
    'A time as RFC 3339 writes it, such as 2026-01-31T10:30:00Z. As input also a date, which means its first moment in UTC.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (value) => (value instanceof Date ? value : timeOf(value)),
  parseValue: (value) => timeOf(value),
  parseLiteral: (node) => timeOf(node.kind === Kind.STRING ? node.value : undefined, node),
})

builder.scalarType('JSON', {
  description: 'Any JSON value. Numbers that JavaScript cannot hold exactly are refused: send them as strings.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc7493',
  serialize: (value) => value,
  parseValue: (value) => value,
  // Validation has refused what would be changed: see literals.ts.
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
})

// Ids are strings at every door. Pothos takes no ID but the one of graphql-js, which would turn numbers into strings:
// 1e21 into "1e+21", and those beyond 2^53 into their neighbours.
GraphQLID.parseValue = (value) => {
  if (typeof value !== 'string') throw refuse('ID must be a string')
  return value
}
GraphQLID.parseLiteral = (node) => {
  if (node.kind !== Kind.STRING) throw refuse(`ID must be a string; found ${print(node).slice(0, ECHO)}`, node)
  return node.value
}
