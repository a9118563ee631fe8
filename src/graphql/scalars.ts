import { GraphQLError, GraphQLID, Kind, print, type ValueNode, valueFromASTUntyped } from 'graphql'
import { parseTime, TIME_RULE } from '../core/time.ts'
import { builder } from './builder.ts'

/** Maximum length of input that an error message quotes. */
const ECHO = 40

const refuse = (message: string, node?: ValueNode) => new GraphQLError(message, { nodes: node ?? null })

function timeOf(value: unknown, node?: ValueNode): Date {
  const time = typeof value === 'string' ? parseTime(value) : undefined
  if (!time) throw refuse(`DateTime ${TIME_RULE}`, node)
  return time
}

builder.scalarType('DateTime', {
  description:
    'A time in RFC 3339 format, such as 2026-01-31T10:30:00Z. Input may also be a date, which means midnight UTC.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (value) => (value instanceof Date ? value : timeOf(value)),
  parseValue: (value) => timeOf(value),
  parseLiteral: (node) => timeOf(node.kind === Kind.STRING ? node.value : undefined, node),
})

builder.scalarType('JSON', {
  description: 'Any JSON value. Numbers that JavaScript cannot represent exactly are refused: send them as strings.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc7493',
  serialize: (value) => value,
  parseValue: (value) => value,
  // Validation has already refused literals that cannot be represented exactly; see literals.ts.
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
})

// Ids must be strings over every transport. Pothos requires the ID type of graphql-js, which coerces numbers: 1e21
// becomes "1e+21", and integers beyond 2^53 are rounded. So its parsers are replaced.
GraphQLID.parseValue = (value) => {
  if (typeof value !== 'string') throw refuse('ID must be a string')
  return value
}
GraphQLID.parseLiteral = (node) => {
  if (node.kind !== Kind.STRING) throw refuse(`ID must be a string, not ${print(node).slice(0, ECHO)}`, node)
  return node.value
}
