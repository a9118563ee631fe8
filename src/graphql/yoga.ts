import {
  createSourceEventStream,
  execute,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationTypeNode,
  specifiedRules,
} from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { Actor } from '../core/actor.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { Pacer } from '../core/pacer.ts'
import { Delivery, type DeliverySink } from '../events/delivery.ts'
import { RoomStream } from '../events/stream.ts'
import type { Concurrency } from '../limits/concurrency.ts'
import { CompiledOperations, JsonResult } from './compiled-operations.ts'
import { type Context, createContext, type Services } from './context.ts'
import { requireAffordable } from './cost.ts'
import { Documents } from './documents.ts'
import { countRule } from './limits.ts'
import { literalRule } from './literals.ts'
import type { Params } from './params.ts'
import { schema } from './schema.ts'
import type { TrustedDocuments } from './trusted.ts'
import { isShared, viewOf } from './view.ts'
import { ANSWER_MAX, exceedsBytes } from './work.ts'

/** The transport's part of an operation's context. */
export interface Transport {
  readonly actor: Actor
  readonly sink?: DeliverySink | undefined
}

/** An operation that is valid and affordable. */
export interface PreparedOperation {
  readonly kind: `${OperationTypeNode}`
  readonly name: string | undefined
  /** Name of the first field; undefined if the operation begins with a fragment. */
  readonly field: string | undefined
  /** Runs a query or mutation. */
  execute(): Promise<ExecutionResult>
  /** Opens a subscription; requires `Transport.sink`. */
  subscribe(): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>
}

/** The one execution path. HTTP, WebSocket and SSE share its document cache, limits, context and errors. */
export interface GraphQL {
  /**
   * Parses, validates and prices an operation.
   *
   * @throws RtcError, GraphQLError, or an array of GraphQLErrors if the document is refused
   */
  prepare(params: Params, transport: Transport): PreparedOperation
}

export interface GraphQLOptions {
  /** From `createErrorTranslator`. */
  readonly toGraphQLError: (error: unknown) => GraphQLError
  readonly introspection: boolean
  readonly trusted: TrustedDocuments
  readonly concurrency: Concurrency
}

/**
 * Yoga's pipeline without its HTTP layer. Every transport takes parse, validate, context, execute and subscribe from
 * `getEnveloped`, so one list of plugins applies to all of them. The transports translate the errors.
 */
export function createGraphQL(services: Services, options: GraphQLOptions): GraphQL {
  const { trusted } = options
  const dependencies = { ...services, pacer: new Pacer() }
  const yoga = createYoga<Context>({
    schema,
    // `boundedDocuments` caches documents in bounded memory.
    parserAndValidationCache: false,
    maskedErrors: false,
    plugins: [boundedDocuments(options), boundedExecution(options), liveStreams(services, options)],
    batching: false,
    multipart: false,
    graphiql: false,
    landingPage: false,
    cors: false,
    logging: false,
  })

  return {
    prepare(params, transport) {
      const { text, trusted: isTrusted } = trusted.textOf(params)
      const { actor, sink } = transport
      const enveloped = yoga.getEnveloped(createContext(dependencies, { actor, lane: actor.id, sink }))
      const document = enveloped.parse(text, { isTrusted })
      const errors = enveloped.validate(schema, document)
      if (errors.length > 0) throw errors
      const operation = getOperationAST(document, params.operationName)
      if (!operation) {
        const message = params.operationName
          ? `The document has no operation ${JSON.stringify(params.operationName.slice(0, 100))}`
          : 'is required: the document has several operations or none'
        throw badInput([{ path: 'operationName', message }])
      }
      const [first] = operation.selectionSet.selections
      const variables = params.variables ?? {}
      requireAffordable({ schema, document, operation, variables })
      const args = { schema, document, operationName: params.operationName ?? null, variableValues: variables }
      /** Starts synchronously if the context is synchronous, so that the caller's time slice covers the start. */
      const run = <T>(start: (contextValue: object) => T | Promise<T>): T | Promise<T> => {
        const context = enveloped.contextFactory()
        return context instanceof Promise ? context.then(start) : start(context)
      }
      return {
        kind: operation.operation,
        name: operation.name?.value,
        field: first?.kind === Kind.FIELD ? first.name.value : undefined,
        execute: async () => run((contextValue) => enveloped.execute({ ...args, contextValue })),
        subscribe: async () => run((contextValue) => enveloped.subscribe({ ...args, contextValue })),
      }
    },
  }
}

/** Caches parsed and validated documents; limits their length, tokens and memory. */
function boundedDocuments({ introspection }: GraphQLOptions): Plugin {
  const rules = [...specifiedRules, countRule, literalRule, ...(introspection ? [] : [NoSchemaIntrospectionCustomRule])]
  const documents = new Documents({ schema, rules })
  return {
    onParse({ setParseFn }) {
      setParseFn((text: string, { isTrusted }: { isTrusted: boolean }) => documents.parse(text, { isTrusted }))
    },
    onValidate({ params, setResult }) {
      setResult(documents.validate(params.documentAST))
    },
  }
}

/** Limits concurrent queries and mutations per user, and the size of each response. */
function boundedExecution({ concurrency }: GraphQLOptions): Plugin {
  const operations = new CompiledOperations()
  const run = (args: ExecutionArgs): Promise<ExecutionResult> =>
    concurrency.run((args.contextValue as Context).actor, async () => {
      const result = await operations.execute(args)
      if (result instanceof JsonResult) return result
      return exceedsBytes(result.data, ANSWER_MAX.bytes) ? { errors: [tooLarge()], data: null } : result
    })
  return {
    onExecute({ setExecuteFn }) {
      setExecuteFn(run)
    },
  }
}

/**
 * Executes a shared field (`extensions.shared`) once per event for many subscribers and writes the messages directly to
 * their connections. Executes any other field once per subscriber, in time slices of the subscriber's user.
 */
function liveStreams({ fanOut, slices }: Services, { toGraphQLError }: GraphQLOptions): Plugin {
  const subscribe = async (args: ExecutionArgs) => {
    const stream = await createSourceEventStream(args)
    const context = args.contextValue as Context
    const { sink, actor } = context
    if (!isStream(stream)) return stream
    if (!sink) throw new TypeError('a subscription requires a sink')
    if (!isShared(args)) {
      return mapped(stream, async (event) =>
        slices.run(actor.id, () => execute({ ...args, contextValue: context.fork(), rootValue: event })),
      )
    }
    if (!(stream instanceof RoomStream)) throw new TypeError('a shared field must subscribe to a RoomStream')
    try {
      return new Delivery(stream, { fanOut, view: viewOf(args, toGraphQLError), sink })
    } catch (error) {
      stream.close()
      throw error
    }
  }
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(subscribe)
    },
  }
}

const tooLarge = () => {
  const error = new RtcError('PAYLOAD_TOO_LARGE', `The response would be larger than ${ANSWER_MAX.bytes} bytes.`)
  return new GraphQLError(error.message, { originalError: error })
}

const isStream = (value: object): value is AsyncIterable<unknown> => Symbol.asyncIterator in value

/** Maps each item of a stream, one at a time; returning closes the source. */
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
