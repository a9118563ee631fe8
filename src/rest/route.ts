import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Actor } from '../core/actor.ts'
import type { HttpReply } from '../http/message.ts'
import type { Access } from '../rooms/policy.ts'

export interface RouteRequest {
  readonly actor: Actor
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>
  /** The body or the query, validated by the route's schema. */
  readonly input: unknown
  readonly headers: IncomingHttpHeaders
  /** The URL, for this client, of a path below the prefix. */
  readonly addressOf: (path: string) => string
}

/** A declared route. The router serves it, and OpenAPI is generated from it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the prefix, with `:name` for parameters. */
  readonly path: string
  readonly operationId: string
  /** Who may send the request. The router authenticates the user; the service checks the rules for the room. */
  readonly access: Access
  readonly summary: string
  /** Validates the body of a POST or PUT, the query of a GET. */
  readonly input: z.ZodType
  /** The success statuses and the shape of their body. */
  readonly success: readonly number[]
  readonly output: z.ZodType
  /** The data of each event. Present if the route answers with an event stream unless the client requests JSON. */
  readonly events?: z.ZodType
  readonly handle: (request: RouteRequest) => Promise<HttpReply>
}

/** The names after the colons: `'id' | 'userId'` of `/rooms/:id/participants/:userId`. */
type ParameterOf<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? ParameterOf<Segment> | ParameterOf<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never

/** The path parameters that a pattern names. */
export type PathParams<Path extends string> = { readonly [Name in ParameterOf<Path>]: string }

interface TypedRequest<Path extends string, Input extends z.ZodType> extends Omit<RouteRequest, 'params' | 'input'> {
  readonly params: PathParams<Path>
  readonly input: z.output<Input>
}

/** Declares a route. The types of its path parameters and input are inferred. */
export function route<const Path extends string, Input extends z.ZodType>(
  declared: Omit<Route, 'path' | 'input' | 'handle'> & {
    readonly path: Path
    readonly input: Input
    readonly handle: (request: TypedRequest<Path, Input>) => Promise<HttpReply>
  },
): Route {
  const { handle, ...rest } = declared
  return {
    ...rest,
    handle: ({ params, input, ...request }) =>
      handle({ ...request, params: params as PathParams<Path>, input: input as z.output<Input> }),
  }
}

export const jsonReply = (body: unknown, status = 200, headers: Record<string, string> = {}): HttpReply => ({
  status,
  headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
  body: JSON.stringify(body),
})
