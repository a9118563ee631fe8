import { z } from 'zod'
import { type ErrorCode, ERRORS } from '../core/errors.ts'
import type { Route } from './route.ts'
import { REST_PREFIX } from './router.ts'

type JsonSchema = Record<string, unknown>

/** Generates OpenAPI 3.1 from the routes and their validation schemas: https://spec.openapis.org/oas/v3.1.1.html */
export function createOpenApi(routes: readonly Route[], publicUrl: string | undefined): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = REST_PREFIX + route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Real-time Audio/Video API',
      version: '1.0.0',
      description: 'Rooms and calls: create, join, leave, end, list participants.',
    },
    // Relative to the URL of this document, which is three segments below the prefix of a proxy.
    servers: [{ url: publicUrl ?? '../../..' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: PROBLEM },
    },
  }
}

const NO_CONTENT = 204

function operation(route: Route): JsonSchema {
  const parameters = [
    ...pathParameters(route),
    ...(route.method === 'GET' ? queryParameters(route) : headerParameters(route)),
  ]
  const content = {
    ...(route.events && { 'text/event-stream': { schema: jsonSchema(route.events, 'output') } }),
    'application/json': { schema: jsonSchema(route.output, 'output') },
  }
  const responseOf = (status: number) =>
    status === NO_CONTENT ? { description: 'No content.' } : { description: 'Success.', content }
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(route.method !== 'GET' && requestBody(route)),
    responses: {
      ...Object.fromEntries(route.success.map((status) => [status, responseOf(status)])),
      ...errorResponses(),
    },
  }
}

/** Omitted for a body without fields, because generated clients would require it. */
function requestBody(route: Route): JsonSchema {
  const schema = jsonSchema(route.input, 'input')
  if (Object.keys(schema['properties'] ?? {}).length === 0) return {}
  const required = !route.input.safeParse({}).success
  return { requestBody: { required, content: { 'application/json': { schema } } } }
}

const pathParameters = (route: Route) =>
  [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function queryParameters(route: Route) {
  const { properties = {} } = jsonSchema(route.input, 'input') as { properties?: Record<string, JsonSchema> }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
}

const headerParameters = (route: Route) =>
  route.operationId === 'createRoom'
    ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 255 } }]
    : []

/** One response per status of the error table, described by its codes. */
function errorResponses(): JsonSchema {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [status, { description: codes.join(', '), content }]),
  )
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

const PROBLEM = {
  description: 'https://www.rfc-editor.org/rfc/rfc9457',
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'instance'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { enum: Object.keys(ERRORS) },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}
