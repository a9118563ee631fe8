import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Actor } from '../core/actor.ts'
import type { HttpReply } from '../http/message.ts'

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

/** Declares a route whose handler gets its input typed. */
export function route<T extends z.ZodType>(
  declared: Omit<Route, 'input' | 'handle'> & {
    readonly input: T
    readonly handle: (request: Omit<RouteRequest, 'input'> & { readonly input: z.output<T> }) => Promise<HttpReply>
  },
): Route {
  return declared as Route
}

export const jsonReply = (body: unknown, status = 200, headers: Record<string, string> = {}): HttpReply => ({
  status,
  headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
  body: JSON.stringify(body),
})
