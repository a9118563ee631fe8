import { createSourceEventStream, execute, type ExecutionArgs, GraphQLError, parse as parseDocument } from 'graphql'
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { RoomStream } from '../events/stream.ts'
import { type Context, createContext, type Outlet, type Services } from './context.ts'
import { Delivery } from './delivery.ts'
import { statusOf } from './errors.ts'
import { limits, TOKENS_MAX } from './limits.ts'
import { schema } from './schema.ts'
import { viewOf } from './view.ts'

/** What the transports know about an operation before it runs. */
export interface Transport {
  readonly actor: Actor
  readonly outlet?: Outlet
}

/**
 * The one execution path: HTTP and WebSocket get context, limits and masking from here.
 *
 * @param coded - translates every error once
 */
export function createGraphQL(services: Services, coded: (error: unknown) => GraphQLError) {
  return createYoga<Transport, Context>({
    schema,
    context: ({ actor, outlet }) => createContext(services, actor, outlet),
    maskedErrors: { maskError: coded },
    plugins: [boundedParser, ...limits, socketOnly, executeInSlices(services, coded), httpResult(coded)],
    graphqlEndpoint: '/graphql',
    batching: false,
    multipart: false,
    graphiql: false,
    landingPage: false,
    cors: false,
    logging: false,
  })
}

export type GraphQL = ReturnType<typeof createGraphQL>

const boundedParser: Plugin = {
  onParse({ setParseFn }) {
    setParseFn((source: string, options?: object) => parseDocument(source, { ...options, maxTokens: TOKENS_MAX }))
  },
}

/** Streams live on sockets, where tokens expire and slow readers are cut off. */
const socketOnly: Plugin = {
  onSubscribe({ args, setResultAndStopExecution }) {
    const { request } = args.contextValue as { request?: Request }
    if (!request) return
    const error = new RtcError('BAD_USER_INPUT', 'Subscriptions are served over WebSocket (graphql-transport-ws).')
    setResultAndStopExecution({ errors: [new GraphQLError(error.message, { originalError: error })] })
  },
}

/**
 * Rooms' streams are executed once for many readers and written straight to their connections; of other streams each
 * message is executed in a time slice of its reader.
 */
function executeInSlices({ fanOut, slices }: Services, coded: (error: unknown) => GraphQLError): Plugin {
  return {
    onSubscribe({ args, setSubscribeFn }) {
      const { outlet } = args.contextValue as unknown as Context
      if (outlet) setSubscribeFn((subscribing: ExecutionArgs) => subscribe(subscribing, outlet))
    },
  }

  async function subscribe(args: ExecutionArgs, outlet: Outlet) {
    const stream: unknown = await createSourceEventStream(args)
    if (!isAsyncIterable(stream)) return stream
    if (!(stream instanceof RoomStream)) {
      const { actor } = args.contextValue as Context
      return mapped(stream, (event) => slices.run(actor.id, () => execute({ ...args, rootValue: event })))
    }
    try {
      return new Delivery(stream, { fanOut, view: viewOf(args, coded), outlet })
    } catch (error) {
      stream.close()
      throw error
    }
  }
}

/** The items of a stream, each as `map` makes it. */
function mapped<T, U>(items: AsyncIterable<T>, map: (item: T) => Promise<U>): AsyncIterableIterator<U, undefined> {
  const source = items[Symbol.asyncIterator]()
  const iterator: AsyncIterableIterator<U, undefined> = {
    async next() {
      const { done, value } = await source.next()
      return done ? { done, value: undefined } : { done: false, value: await map(value) }
    },
    async return() {
      await source.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

/**
 * Writes the answer to an HTTP request with the status of the error table, whatever media type the client prefers:
 * Yoga would answer 200 to clients that accept `application/json`, and would strip `extensions.http`.
 */
function httpResult(coded: (error: unknown) => GraphQLError): Plugin {
  return {
    onResultProcess({ request, setResultProcessor }) {
      const type = responseType(request.headers.get('accept'))
      setResultProcessor((result, { Response }) => {
        if (Array.isArray(result) || isAsyncIterable(result)) throw new TypeError('one request has one result')
        const errors = result.errors?.map(coded)
        const headers = { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store' }
        const body = JSON.stringify(errors ? { ...result, errors } : result)
        return new Response(body, { status: errors ? statusOf(errors) : 200, headers })
      }, type)
    },
  }
}

/** https://graphql.github.io/graphql-over-http/draft/#sec-application-graphql-response-json */
const GRAPHQL_RESPONSE = 'application/graphql-response+json'

/**
 * The media type of an answer, error or not. Apollo reads GraphQL errors out of a status from 300 on only when the type
 * is GraphQL's own, which it asks for.
 */
export const responseType = (accept: string | null | undefined): string =>
  accept?.includes(GRAPHQL_RESPONSE) ? GRAPHQL_RESPONSE : 'application/json'
