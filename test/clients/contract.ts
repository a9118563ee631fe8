import { z } from 'zod'
import type { Answer } from '../world.ts'

/**
 * The part of OpenAPI 3.1 that the gateway uses; any other field is refused by name.
 * https://spec.openapis.org/oas/v3.1.1.html
 */
const JsonSchema = z.record(z.string(), z.unknown())
const Content = z.record(
  z.string().regex(/^(application\/[\w.+-]+|text\/event-stream)$/),
  z.strictObject({ schema: JsonSchema }),
)
const Parameter = z.strictObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  required: z.boolean(),
  description: z.string().optional(),
  schema: JsonSchema,
})
const Header = Parameter.omit({ name: true, in: true }).partial()
const Response = z.strictObject({
  description: z.string().min(1),
  headers: z.record(z.string(), Header).optional(),
  content: Content.optional(),
})
const Operation = z.strictObject({
  operationId: z.string().regex(/^[a-z]\w*$/),
  summary: z.string().min(1),
  description: z.string().optional(),
  tags: z.array(z.string()).optional(),
  parameters: z.array(Parameter).default([]),
  requestBody: z.strictObject({ required: z.boolean(), content: Content }).optional(),
  responses: z.record(z.string().regex(/^[2-5]\d\d$/), Response),
})
const PathItem = z.partialRecord(z.enum(['get', 'post', 'put', 'delete']), Operation)
const OpenApi = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string().optional() }),
  servers: z.array(z.strictObject({ url: z.string() })),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  paths: z.record(z.string().startsWith('/'), PathItem),
  components: z.strictObject({
    securitySchemes: z.record(
      z.string(),
      z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), bearerFormat: z.string() }),
    ),
    schemas: z.record(z.string(), JsonSchema),
  }),
})

export type ContractOperation = z.output<typeof Operation> & { readonly method: string; readonly path: string }

/** An OpenAPI document: looks operations up and validates messages. */
export interface Contract {
  readonly document: z.output<typeof OpenApi>
  readonly operations: readonly ContractOperation[]
  /** @throws when the request matches no operation, or more than one */
  operationOf(method: string, path: string): ContractOperation
  /** @throws ZodError when the body is invalid */
  checkRequest(operation: ContractOperation, body: unknown): void
  /** @throws when the operation does not document the response's status, media type or shape */
  checkAnswer(operation: ContractOperation, answer: Answer): void
}

/** @throws ZodError when it is not OpenAPI 3.1 */
export function readContract(text: unknown): Contract {
  const document = OpenApi.parse(text)
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  )
  const validate = (content: z.output<typeof Content>, type: string, body: unknown) => {
    const schema = content[type]?.schema
    if (!schema) throw new TypeError(`${type} is not among ${Object.keys(content).join()}`)
    z.fromJSONSchema(resolve(document, schema) as JsonSchemaOfZod).parse(body)
  }
  return {
    document,
    operations,
    operationOf(method, path) {
      const found = operations.filter((operation) => operation.method === method && matches(operation.path, path))
      if (!found[0] || found.length > 1) throw new TypeError(`${found.length} operations for ${method} ${path}`)
      return found[0]
    },
    checkRequest({ requestBody }, body) {
      validate(requestBody?.content ?? {}, 'application/json', body)
    },
    checkAnswer({ responses }, { status, headers, body }) {
      const { content = {} } = responses[status] ?? {}
      validate(content, headers.get('content-type')?.replace('; charset=utf-8', '') ?? '', body)
    },
  }
}

type JsonSchemaOfZod = Parameters<typeof z.fromJSONSchema>[0]

const matches = (template: string, path: string) =>
  new RegExp(`^${template.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)

/** The schema with its references replaced by their targets. */
function resolve(document: unknown, schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((item) => resolve(document, item))
  if (typeof schema !== 'object' || schema === null) return schema
  if ('$ref' in schema) return resolve(document, targetOf(document, String(schema.$ref)))
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolve(document, value)]))
}

function targetOf(document: unknown, reference: string): unknown {
  let target = document
  for (const name of reference.replace(/^#\//, '').split('/')) target = (target as Record<string, unknown>)[name]
  if (target === undefined) throw new TypeError(`${reference} does not exist`)
  return target
}
