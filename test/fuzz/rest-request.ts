import fc from 'fast-check'
import { corrupt, type Draw, json, number, text } from './values.ts'

interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
}

interface OpenApiOperation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
}

export interface RestRequest {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
}

/** A request of an OpenAPI operation, with mostly valid values. */
export function restRequestOf(draw: Draw, document: OpenApi, roomIds: readonly string[]): RestRequest {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const { path, method, operation } = draw(fc.constantFrom(...operations))
  const parameters = operation.parameters ?? []
  const query = new URLSearchParams(
    parameters
      .filter((parameter) => parameter.in === 'query' && draw(fc.boolean()))
      .map(({ name, schema }) => [name, String(valueOf(draw, schema, roomIds))]),
  )
  const filled = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(draw(text(roomIds)).toWellFormed()))
  const schema = operation.requestBody?.content['application/json']?.schema
  const body = schema && JSON.stringify(valueOf(draw, schema, roomIds))
  return {
    method: draw(fc.nat(20)) === 0 ? draw(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH')) : method,
    path: query.size > 0 ? `${filled}?${query.toString()}` : filled,
    body: body !== undefined && draw(fc.nat(6)) === 0 ? corrupt(draw, body) : body,
  }
}

function valueOf(draw: Draw, schema: Schema, roomIds: readonly string[]): unknown {
  if (draw(fc.nat(12)) === 0) return draw(json)
  if (schema.enum) return draw(fc.constantFrom(...schema.enum))
  if (schema.anyOf) return valueOf(draw, draw(fc.constantFrom(...schema.anyOf)), roomIds)
  switch (schema.type) {
    case 'object': {
      const { properties = {}, required = [] } = schema
      const given = Object.entries(properties).filter(([name]) => required.includes(name) || draw(fc.boolean()))
      return Object.fromEntries(given.map(([name, inner]) => [name, valueOf(draw, inner, roomIds)]))
    }
    case 'array':
      return Array.from({ length: draw(fc.nat(3)) }, () => valueOf(draw, schema.items ?? {}, roomIds))
    case 'integer':
    case 'number':
      return draw(number)
    case 'boolean':
      return draw(fc.boolean())
    case 'null':
      return null
    case 'string':
      return draw(text(roomIds))
    default:
      return draw(json)
  }
}
