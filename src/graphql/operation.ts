import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import type { DeliverySink } from '../events/delivery.ts'
import { parseParams } from './params.ts'
import type { GraphQL } from './yoga.ts'

/** Where the messages of one operation go; a payload is the JSON of an execution result. */
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
 * One operation of a connection that stays open (a WebSocket or an event stream), from preparing it to its last message.
 * Cancelling reaches it at any time: what is still being prepared is released as soon as it is there.
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
   * Resolves when it is over; never rejects. Parsing and validating happen synchronously.
   *
   * @param params - what the client asks for, as it came
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

  /** The client does not want it any more, or has gone: it sends nothing from now on. */
  cancel(): void {
    this.#cancelled = true
    // The reader has gone, so nobody is interested in how its stream ends.
    this.#stream?.return?.().catch(() => undefined)
  }

  /** Silent once the operation is cancelled: its id may be another operation's by then. */
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

/** The JSON of an execution result, its errors coded. */
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
