import type { GraphQLError } from 'graphql'
import type { Actor } from '../core/actor.ts'
import { type EventStreams, type EventStreamKind } from '../http/event-stream.ts'
import type { HttpReply } from '../http/message.ts'
import type { GraphQL } from './yoga.ts'
import { Operation, type OperationDependencies } from './operation.ts'
import type { Params } from './params.ts'

/**
 * Serves an operation as the distinct connections mode of graphql-sse: its results as `next`, then `complete`. What is
 * wrong with the document is a `next`, too; a stream that ends without `complete` was cut off, and may be asked for again.
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
    }
    const operation = new Operation(dependencies, { actor, sink })
    stream.onClose(() => operation.cancel())
    void operation.run(params)
  })
}

/** Clients of graphql-sse take no event of another name, so a comment keeps the connection alive. */
const KIND: EventStreamKind = { opening: Buffer.from(':\n\n'), keepAlive: Buffer.from(':\n\n') }
const NEXT = Buffer.from('event: next\ndata: ')
const END = Buffer.from('\n\n')
const COMPLETE = Buffer.from('event: complete\ndata:\n\n')

const EVENT_STREAM = /\btext\/event-stream\b/i
const JSON_TYPES = /\bapplication\/(json|graphql-response\+json|graphql\+json)\b|\*\/\*/i

/**
 * Whether the client is to be answered with an event stream. Clients that accept JSON as well, as they do for every
 * operation, mean it for subscriptions only.
 */
export function wantsEventStream(accept: string | undefined, isSubscription: () => boolean): boolean {
  if (!accept || !EVENT_STREAM.test(accept)) return false
  return !JSON_TYPES.test(accept) || isSubscription()
}

/** Whether the operation is a subscription; one that is refused is not. */
export function isSubscription(graphql: GraphQL, params: Params, actor: Actor): boolean {
  try {
    return graphql.prepare(params, { actor }).kind === 'subscription'
  } catch {
    return false
  }
}
