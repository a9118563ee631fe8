import {
  createSourceEventStream,
  execute,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
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
import { type Context, createContext, type Services } from './context.ts'
import { requireAffordable } from './cost.ts'
import { Documents } from './documents.ts'
import { countRule } from './limits.ts'
import { literalRule } from './literals.ts'
import type { Params } from './params.ts'
import { schema } from './schema.ts'
import type { TrustedDocuments } from './trusted.ts'
import { isShared, viewOf } from './view.ts'
import { ANSWER_MAX, exceedsBytes, Work } from './work.ts'

/** What the transports know about an operation before it runs. */
export interface Transport {
  readonly actor: Actor
  readonly sink?: DeliverySink | undefined
}

/** An operation that is valid and affordable. */
export interface PreparedOperation {
  readonly kind: `${OperationTypeNode}`
  /** Runs a query or mutation. */
  execute(): Promise<ExecutionResult>
  /** Opens a subscription; it needs a sink. */
  subscribe(): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>
}

/** The one execution path: every door gets documents, limits, context and errors from here. */
export interface GraphQL {
  /**
   * Parses, validates and prices an operation.
   *
   * @throws RtcError, GraphQLError, or an array of GraphQLErrors: what is wrong with the document
   */
  prepare(params: Params, transport: Transport): PreparedOperation
}

export interface GraphQLOptions {
  /** Translates every error once. */
  readonly toGraphQLError: (error: unknown) => GraphQLError
  readonly introspection: boolean
  readonly trusted: TrustedDocuments
  readonly concurrency: Concurrency
}

/**
 * Yoga's pipeline without its HTTP layer: each transport gets parse, validate, context, execute and subscribe from
 * `getEnveloped`, so that one list of plugins holds for all of them. Errors are translated by the transports.
 */
export function createGraphQL(services: Services, options: GraphQLOptions): GraphQL {
  const { trusted } = options
  const dependencies = { ...services, pacer: new Pacer() }
  const yoga = createYoga<Transport, Context>({
    schema,
    context: ({ actor, sink }) => createContext(dependencies, { actor, lane: actor.id, sink }),
    // Kept by `boundedDocuments`, in bounded memory.
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
      // The pipeline adds to the object that it is given.
      const enveloped = yoga.getEnveloped({ ...transport })
      const document = enveloped.parse(text, { isTrusted })
      const errors = enveloped.validate(schema, document)
      if (errors.length > 0) throw errors
      const operation = getOperationAST(document, params.operationName)
      if (!operation) {
        const message = params.operationName
          ? `The document has no operation ${JSON.stringify(params.operationName.slice(0, 100))}`
          : 'names which of the operations runs'
        throw badInput([{ path: 'operationName', message }])
      }
      const variables = params.variables ?? {}
      requireAffordable({ schema, document, operation, variables })
      const args = { schema, document, operationName: params.operationName ?? null, variableValues: variables }
      /** Runs at once when the context is there at once: the caller's time slice covers it. */
      const run = <T>(start: (contextValue: object) => T | Promise<T>): T | Promise<T> => {
        const context = enveloped.contextFactory()
        return context instanceof Promise ? context.then(start) : start(context)
      }
      return {
        kind: operation.operation,
        execute: async () => run((contextValue) => enveloped.execute({ ...args, contextValue })),
        subscribe: async () => run((contextValue) => enveloped.subscribe({ ...args, contextValue })),
      }
    },
  }
}

/** Documents are parsed and validated once while they are in use, and bounded in length, tokens and memory. */
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

/** A user's queries and mutations take turns with those of others, and their answers are bounded. */
function boundedExecution({ concurrency }: GraphQLOptions): Plugin {
  const run = (args: ExecutionArgs): Promise<ExecutionResult> =>
    concurrency.run((args.contextValue as Context).actor, async () => {
      const result = await execute(args)
      return exceedsBytes(result.data, ANSWER_MAX.bytes) ? { errors: [tooLarge()], data: null } : result
    })
  return {
    onExecute({ setExecuteFn }) {
      setExecuteFn(run)
    },
  }
}

/**
 * A shared field (`extensions.shared`) is executed once for many subscribers, and its messages are written straight to
 * their connections. Any other field is executed for each subscriber, in time slices of its user.
 */
function liveStreams({ fanOut, slices }: Services, { toGraphQLError }: GraphQLOptions): Plugin {
  const subscribe = async (args: ExecutionArgs) => {
    const stream = await createSourceEventStream(args)
    const context = args.contextValue as Context
    const { sink, actor } = context
    if (!isStream(stream)) return stream
    if (!sink) throw new TypeError('subscriptions need a sink')
    if (!isShared(args)) {
      return mapped(stream, async (event) =>
        slices.run(actor.id, () =>
          execute({ ...args, contextValue: { ...context, work: new Work() }, rootValue: event }),
        ),
      )
    }
    if (!(stream instanceof RoomStream)) throw new TypeError('a shared field subscribes to a RoomStream')
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
  const error = new RtcError('PAYLOAD_TOO_LARGE', `The answer would have more than ${ANSWER_MAX.bytes} bytes.`)
  return new GraphQLError(error.message, { originalError: error })
}

const isStream = (value: object): value is AsyncIterable<unknown> => Symbol.asyncIterator in value

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
