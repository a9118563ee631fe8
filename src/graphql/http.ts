import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Authenticate } from '../auth/authenticate.ts'
import type { Actor } from '../core/actor.ts'
import { codeOf, RtcError } from '../core/errors.ts'
import type { EventStreams } from '../http/event-stream.ts'
import { errorHeaders, MethodNotAllowed } from '../http/method.ts'
import { parseJson, requireJson } from '../http/json.ts'
import type { HttpReply, HttpRequest } from '../http/message.ts'
import { JsonResult } from './compiled-operations.ts'
import { codesOf, retryHeaders, statusOf } from './errors.ts'
import type { OperationDependencies } from './operation.ts'
import { CHECKED, type Params, paramsOfQuery, parseParams } from './params.ts'
import { isSubscription, streamReply, wantsEventStream } from './sse.ts'
import type { PreparedOperation } from './yoga.ts'

/** Maximum size of a request body in bytes. */
const BODY_LIMIT = 256 * 1024

/** Handles POST, and GET for queries, on the GraphQL path. Never rejects. */
export type GraphQLHandler = (request: HttpRequest) => Promise<HttpReply>

/** @see https://graphql.github.io/graphql-over-http/draft/ */
export function createGraphQLHandler(dependencies: {
  readonly operations: OperationDependencies
  readonly streams: EventStreams
  readonly authenticate: Authenticate
}): GraphQLHandler {
  const { operations, streams, authenticate } = dependencies
  const { graphql, toGraphQLError, slices, observer } = operations

  const run = async (request: HttpRequest, params: Params, actor: Actor): Promise<Outcome> => {
    let operation: PreparedOperation | undefined
    try {
      operation = await slices.run(actor.id, () => graphql.prepare(params, { actor }))
      if (operation.kind === 'subscription') {
        throw new RtcError(
          'BAD_USER_INPUT',
          'Subscriptions require WebSocket (graphql-transport-ws) or Accept: text/event-stream.',
        )
      }
      if (request.method !== 'POST' && operation.kind === 'mutation') {
        throw new RtcError('BAD_USER_INPUT', 'GET is for queries only; send mutations by POST.')
      }
      const result = await operation.execute()
      return { operation, result, errors: result.errors?.map(toGraphQLError) }
    } catch (error) {
      return { operation, result: {}, errors: [error].flat().map(toGraphQLError) }
    }
  }

  return async (request) => {
    const accept = request.headers.accept
    const { record } = request
    try {
      // Authenticate before validation, whose errors would disclose the schema.
      const actor = await authenticate(request.headers.authorization, record.context)
      record.userId = actor.id
      const params = await paramsOf(request)
      if (request.method === 'POST' && wantsEventStream(accept, () => isSubscription(graphql, params, actor))) {
        return streamReply({ ...operations, streams }, actor, params)
      }
      const startedAt = performance.now()
      const { operation, result, errors } = await run(request, params, actor)
      const errorCodes = errors ? codesOf(errors) : []
      record.errorCode = errorCodes[0]
      observer.operation?.({
        context: record.context,
        userId: actor.id,
        transport: 'http',
        kind: operation?.kind,
        name: operation?.name,
        field: operation?.field,
        errorCodes,
        duration: performance.now() - startedAt,
      })
      const body = bodyOf(result, errors)
      const headers = headersFor(accept)
      if (!errors) return { status: 200, headers, body }
      const status = errorStatus(errors, accept, 'data' in result)
      return { status, headers: { ...headers, ...retryHeaders(errors) }, body }
    } catch (error) {
      record.errorCode = codeOf(error)
      return errorReply(error, { accept: request.headers.accept, toGraphQLError })
    }
  }
}

/** The result of an operation, with translated errors. */
interface Outcome {
  /** Undefined if the document was refused. */
  readonly operation: PreparedOperation | undefined
  readonly result: ExecutionResult
  readonly errors: readonly GraphQLError[] | undefined
}

function bodyOf(result: ExecutionResult, errors: readonly GraphQLError[] | undefined): string {
  if (result instanceof JsonResult) return result.json
  return JSON.stringify({
    ...(errors && { errors: errors.map((error) => error.toJSON()) }),
    ...('data' in result && { data: result.data }),
  })
}

async function paramsOf({ method, url, headers, body }: HttpRequest): Promise<Params> {
  if (method === 'GET' || method === 'HEAD') return paramsOfQuery(url.searchParams)
  if (method !== 'POST') throw new MethodNotAllowed(method, ['GET', 'POST'])
  requireJson(headers)
  return parseParams(parseJson(await body(BODY_LIMIT), { checked: CHECKED }))
}

/**
 * The status from the error table, with one exception. A client that accepts `application/json` but not the GraphQL
 * response type treats any status other than 200 as a transport failure, so its invalid requests are answered with 200.
 *
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-application-json
 */
function errorStatus(errors: readonly GraphQLError[], accept: string | undefined, executed: boolean): number {
  const refused = !executed && errors.every(({ extensions }) => extensions['code'] === 'BAD_USER_INPUT')
  return refused && prefersJson(accept) ? 200 : statusOf(errors)
}

const headersFor = (accept: string | undefined) => ({
  'Content-Type': `${responseType(accept)}; charset=utf-8`,
  'Cache-Control': 'no-store',
})

/** The response to a request that failed before its operation was prepared. */
export function errorReply(
  error: unknown,
  { accept, toGraphQLError }: { accept: string | undefined; toGraphQLError: (error: unknown) => GraphQLError },
): HttpReply {
  const translated = toGraphQLError(error)
  return {
    status: statusOf([translated]),
    headers: {
      ...headersFor(accept),
      ...(error instanceof RtcError && errorHeaders(error)),
    },
    body: JSON.stringify({ errors: [translated] }),
  }
}

/** https://graphql.github.io/graphql-over-http/draft/#sec-application-graphql-response-json */
const GRAPHQL_RESPONSE = 'application/graphql-response+json'

/**
 * The media type of every response. With a status of 300 or above, Apollo Client reads GraphQL errors only from
 * `application/graphql-response+json`, which it accepts.
 */
const responseType = (accept: string | undefined): string =>
  accept?.includes(GRAPHQL_RESPONSE) ? GRAPHQL_RESPONSE : 'application/json'

const prefersJson = (accept: string | undefined): boolean =>
  accept?.includes('application/json') === true && !accept.includes(GRAPHQL_RESPONSE)
