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
import type { Actor } from '../core/actor.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { Pacer } from '../core/pacer.ts'
import { Delivery, type Outlet } from '../events/delivery.ts'
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
import { viewOf } from './view.ts'
import { ANSWER_MAX, exceedsBytes, Work } from './work.ts'

/** What the transports know about an operation before it runs. */
export interface Transport {
  readonly actor: Actor
  readonly outlet?: Outlet
}

/** The one execution path: every door gets documents, limits, context and errors from here. */
export interface GraphQL {
  /**
   * Parses, validates and prices an operation.
   *
   * @throws RtcError, GraphQLError, or an array of GraphQLErrors: what is wrong with the document
   */
  prepare(params: Params, transport: Transport): ExecutionArgs
  /** Runs a query or mutation. */
  execute(this: void, args: ExecutionArgs): Promise<ExecutionResult>
  /** Opens a subscription. */
  subscribe(this: void, args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>
}

/** @param coded - translates every error once */
export function createGraphQL(
  services: Services,
  options: {
    readonly coded: (error: unknown) => GraphQLError
    readonly introspection: boolean
    readonly trusted: TrustedDocuments
    readonly concurrency: Concurrency
  },
): GraphQL {
  const { coded, introspection, trusted, concurrency } = options
  const rules = [...specifiedRules, countRule, literalRule, ...(introspection ? [] : [NoSchemaIntrospectionCustomRule])]
  const documents = new Documents({ schema, rules, trusted })
  const sources = { ...services, pacer: new Pacer() }
  const { fanOut, slices } = services

  return {
    prepare(params, { actor, outlet }) {
      const document = documents.get(params)
      const operation = getOperationAST(document, params.operationName)
      if (!operation) {
        const message = params.operationName
          ? `The document has no operation ${JSON.stringify(params.operationName.slice(0, 100))}`
          : 'names which of the operations runs'
        throw badInput([{ path: 'operationName', message }])
      }
      const variables = params.variables ?? {}
      requireAffordable({ schema, document, operation, variables })
      return {
        schema,
        document,
        operationName: params.operationName ?? null,
        variableValues: variables,
        contextValue: createContext(sources, { actor, lane: actor.id, outlet }),
      }
    },

    execute: (args) =>
      concurrency.run((args.contextValue as Context).actor, async () => {
        const result = await execute(args)
        return exceedsBytes(result.data, ANSWER_MAX.bytes) ? { errors: [tooLarge()], data: null } : result
      }),

    async subscribe(args) {
      const stream = await createSourceEventStream(args)
      const context = args.contextValue as Context
      const { outlet, actor } = context
      if (!isStream(stream)) return stream
      if (!outlet) throw new TypeError('subscriptions need an outlet')
      // Of other streams each message is executed in a time slice of its reader.
      if (!(stream instanceof RoomStream)) {
        return mapped(stream, async (event) =>
          slices.run(actor.id, () =>
            execute({ ...args, contextValue: { ...context, work: new Work() }, rootValue: event }),
          ),
        )
      }
      // Rooms' streams are executed once for many readers and written straight to their connections.
      try {
        return new Delivery(stream, { fanOut, view: viewOf(args, coded), outlet })
      } catch (error) {
        stream.close()
        throw error
      }
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

/** What kind of operation is about to run. */
export const kindOf = ({ document, operationName }: ExecutionArgs): `${OperationTypeNode}` | undefined =>
  getOperationAST(document, operationName)?.operation
