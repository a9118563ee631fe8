import type { GraphQLError } from 'graphql'
import type { Actor } from '../core/actor.ts'
import { type EventStreams, type EventStreamKind } from '../http/event-stream.ts'
import type { HttpReply } from '../http/message.ts'
import type { GraphQL } from './yoga.ts'
import { Operation, type OperationDependencies } from './operation.ts'
import type { Params } from './params.ts'

/**
 * Serves an operation in the distinct connections mode of graphql-sse: each result as a `next` event, then `complete`.
 * Errors of the document are also sent as `next`. If the stream ends without `complete`, it was interrupted and the
 * client may retry.
 *
 * @see https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
 */
export function streamReply(
  dependencies: OperationDependencies & { readonly streams: EventStreams },
  actor: Actor,
  params: Params,
): HttpReply {
  return dependencies.streams.reply(actor, KIND, (stream) => {
    const sink = {
      write: (payload: Buffer) => stream.write(NEXT, payload, END),
      post: (payload: Buffer) => stream.post(NEXT, payload, END),
      complete: () => {
        stream.post(COMPLETE)
        stream.end()
      },
      error(errors: readonly GraphQLError[]) {
        stream.post(NEXT, Buffer.from(JSON.stringify({ errors })), END)
        sink.complete()
      },
      ended: () => undefined,
    }
    const operation = new Operation(dependencies, { actor, sink, transport: 'sse' })
    stream.onClose(() => operation.cancel())
    void operation.run(params)
  })
}

/** Keeps the connection alive with comments: graphql-sse clients reject events with any other name. */
const KIND: EventStreamKind = { opening: Buffer.from(':\n\n'), keepAlive: Buffer.from(':\n\n') }
const NEXT = Buffer.from('event: next\ndata: ')
const END = Buffer.from('\n\n')
const COMPLETE = Buffer.from('event: complete\ndata:\n\n')

const EVENT_STREAM = /\btext\/event-stream\b/i
const JSON_TYPES = /\bapplication\/(json|graphql-response\+json|graphql\+json)\b|\*\/\*/i

/**
 * Whether to answer with an event stream. A client that also accepts JSON sends the same header with every operation; it
 * gets an event stream for subscriptions only.
 */
export function wantsEventStream(accept: string | undefined, isSubscription: () => boolean): boolean {
  if (!accept || !EVENT_STREAM.test(accept)) return false
  return !JSON_TYPES.test(accept) || isSubscription()
}

/** Whether the operation is a valid subscription. */
export function isSubscription(graphql: GraphQL, params: Params, actor: Actor): boolean {
  try {
    return graphql.prepare(params, { actor }).kind === 'subscription'
  } catch {
    return false
  }
}
