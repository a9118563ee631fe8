import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import type { DeliverySink } from '../events/delivery.ts'
import { parseParams } from './params.ts'
import type { GraphQL } from './yoga.ts'

/** Receives the messages of one operation; each payload is the JSON of an execution result. */
export interface OperationSink extends DeliverySink {
  /** The operation has failed; nothing follows. */
  error(errors: readonly GraphQLError[]): void
  /** The operation is over; nothing follows. */
  complete(): void
}

export interface OperationDependencies {
  readonly graphql: GraphQL
  readonly toGraphQLError: (error: unknown) => GraphQLError
  readonly slices: TimeSlices
}

/**
 * One operation of a WebSocket or an event stream, from preparation to its last message. It can be cancelled at any time:
 * a stream that is still being opened is closed as soon as it is open.
 */
export class Operation {
  readonly #dependencies: OperationDependencies
  readonly #actor: Actor
  readonly #sink: OperationSink
  #stream: AsyncIterator<ExecutionResult> | undefined
  #cancelled = false

  constructor(dependencies: OperationDependencies, { actor, sink }: { actor: Actor; sink: OperationSink }) {
    this.#dependencies = dependencies
    this.#actor = actor
    this.#sink = sink
  }

  /**
   * Resolves when the operation has ended; never rejects. Parses and validates synchronously.
   *
   * @param params - the client's request, not yet validated
   */
  async run(params: unknown): Promise<void> {
    try {
      const result = await this.#execute(params)
      if (isStream(result)) await this.#follow(result)
      else if (!this.#cancelled) await this.#sink.write(this.#render(result))
      if (!this.#cancelled) this.#sink.complete()
    } catch (error) {
      if (!this.#cancelled)
        this.#sink.error((Array.isArray(error) ? error : [error]).map(this.#dependencies.toGraphQLError))
    }
  }

  /** Ends the operation after the client cancelled it or disconnected; no further messages are sent. */
  cancel(): void {
    this.#cancelled = true
    // Avoids an unhandled rejection: the client no longer receives errors of this stream.
    this.#stream?.return?.().catch(() => undefined)
  }

  /** Drops messages after cancellation, when another operation may already use the same id. */
  get #deliverySink(): DeliverySink {
    return {
      write: async (payload) => (this.#cancelled ? undefined : this.#sink.write(payload)),
      post: (payload) => {
        if (!this.#cancelled) this.#sink.post(payload)
      },
    }
  }

  async #execute(params: unknown): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
    const { graphql, slices } = this.#dependencies
    const operation = graphql.prepare(parseParams(params), { actor: this.#actor, sink: this.#deliverySink })
    return slices.run(this.#actor.id, () =>
      operation.kind === 'subscription' ? operation.subscribe() : operation.execute(),
    )
  }

  async #follow(results: AsyncIterable<ExecutionResult>): Promise<void> {
    const stream = results[Symbol.asyncIterator]()
    this.#stream = stream
    if (this.#cancelled) await stream.return?.()
    while (!this.#cancelled) {
      const { done, value } = await stream.next()
      if (done || this.#cancelled) return
      await this.#sink.write(this.#render(value))
    }
  }

  #render({ data, errors = [] }: ExecutionResult): Buffer {
    return renderResult({ data, errors }, this.#dependencies.toGraphQLError)
  }
}

/** Serialises an execution result with translated errors. */
export function renderResult(
  { data, errors = [] }: { data?: unknown; errors?: readonly GraphQLError[] | undefined },
  toGraphQLError: (error: unknown) => GraphQLError,
): Buffer {
  const result = {
    ...(data !== undefined && { data }),
    ...(errors.length > 0 && { errors: errors.map((error) => toGraphQLError(error).toJSON()) }),
  }
  return Buffer.from(JSON.stringify(result))
}

const isStream = (result: ExecutionResult | AsyncIterable<ExecutionResult>): result is AsyncIterable<ExecutionResult> =>
  Symbol.asyncIterator in result
