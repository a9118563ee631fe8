import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Actor } from '../core/actor.ts'
import type { HttpReply } from '../http/message.ts'
import type { Access } from '../rooms/policy.ts'

export interface RouteRequest {
  readonly actor: Actor
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>
  /** What the route's schema made of the body or of the query. */
  readonly input: unknown
  readonly headers: IncomingHttpHeaders
  /** The address of a path below the prefix, as the client of this request can use it. */
  readonly addressOf: (path: string) => string
}

/** What a route declares: the router serves it, OpenAPI is generated from it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the prefix, with `:name` for parameters. */
  readonly path: string
  readonly operationId: string
  /** Who may ask. The router lets in users only; what the table says of a room, its service looks up. */
  readonly access: Access
  readonly summary: string
  /** Validates the body of a POST or PUT, the query of a GET. */
  readonly input: z.ZodType
  /** The success statuses and the shape of their body. */
  readonly success: readonly number[]
  readonly output: z.ZodType
  /** The data of each event, where the route answers with an event stream unless JSON is asked for. */
  readonly events?: z.ZodType
  readonly handle: (request: RouteRequest) => Promise<HttpReply>
}

/** The names after the colons: `'id' | 'userId'` of `/rooms/:id/participants/:userId`. */
type ParameterOf<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? ParameterOf<Segment> | ParameterOf<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never

/** What the router makes of a path: each parameter that its pattern names, and no other. */
export type PathParams<Path extends string> = { readonly [Name in ParameterOf<Path>]: string }

interface TypedRequest<Path extends string, Input extends z.ZodType> extends Omit<RouteRequest, 'params' | 'input'> {
  readonly params: PathParams<Path>
  readonly input: z.output<Input>
}

/** Declares a route whose handler gets its path parameters and its input typed. */
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
