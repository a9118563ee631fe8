import type { GraphQLError } from 'graphql'
import type { Authenticate } from '../auth/authenticate.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { errorHeaders, MethodNotAllowed } from '../http/method.ts'
import { parseJson, requireJson } from '../http/json.ts'
import type { HttpReply, HttpRequest } from '../http/message.ts'
import { statusOf } from './errors.ts'
import { type GraphQL, responseType } from './yoga.ts'

/** Largest body in bytes. */
const BODY_LIMIT = 256 * 1024

/** Answers POST (and GET for queries) on the GraphQL path; it never rejects. */
export type GraphQLHandler = (request: HttpRequest) => Promise<HttpReply>

export function createGraphQLHandler(dependencies: {
  readonly graphql: GraphQL
  readonly authenticate: Authenticate
  readonly coded: (error: unknown) => GraphQLError
}): GraphQLHandler {
  const { graphql, authenticate, coded } = dependencies
  return async (request) => {
    try {
      // Before the document is looked at: validation would tell strangers about the schema.
      const actor = await authenticate(request.headers.authorization)
      const response = await graphql.fetch(...(await toFetch(request)), { actor })
      response.headers.delete('content-length')
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
    } catch (error) {
      return errorReply(error, { accept: request.headers.accept, coded })
    }
  }
}

async function toFetch({ method, url, headers, body }: HttpRequest): Promise<[string, RequestInit]> {
  const accept = headers.accept ?? 'application/json'
  const address = `${url.origin}${url.pathname.replace(/\/$/, '')}${url.search}`
  if (method === 'GET' || method === 'HEAD') return [address, { method: 'GET', headers: { accept } }]
  if (method !== 'POST') throw new MethodNotAllowed(method, ['GET', 'POST'])
  requireJson(headers)
  const params = parseJson(await body(BODY_LIMIT))
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    throw badInput([{ path: '', message: 'The body must be one JSON object with a query; batches are off' }])
  }
  return [address, { method, headers: { accept, 'content-type': 'application/json' }, body: JSON.stringify(params) }]
}

/** The answer to a request that did not come as far as an operation. */
export function errorReply(
  error: unknown,
  { accept, coded }: { accept: string | undefined; coded: (error: unknown) => GraphQLError },
): HttpReply {
  const told = coded(error)
  return {
    status: statusOf([told]),
    headers: {
      'Content-Type': `${responseType(accept)}; charset=utf-8`,
      ...(error instanceof RtcError ? errorHeaders(error) : { 'Cache-Control': 'no-store' }),
    },
    body: JSON.stringify({ errors: [told] }),
  }
}
