import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Observer, SubscriptionFact, Transport } from '../core/observer.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import type { DeliverySink } from '../events/delivery.ts'
import { reportSlowConsumer } from '../events/queue.ts'
import { codesOf } from './errors.ts'
import { parseParams } from './params.ts'
import type { GraphQL, PreparedOperation } from './yoga.ts'

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
  readonly observer: Observer
}

/**
 * One operation of a WebSocket or an event stream, from preparation to its last message. It can be cancelled at any time:
 * a stream that is still being opened is closed as soon as it is open.
 */
export class Operation {
  readonly #dependencies: OperationDependencies
  readonly #actor: Actor
  readonly #sink: OperationSink
  readonly #transport: Transport
  readonly #startedAt = performance.now()
  #prepared: PreparedOperation | undefined
  /** Set while the operation is an open subscription. */
  #subscription: { readonly fact: SubscriptionFact; readonly openedAt: number } | undefined
  #stream: AsyncIterator<ExecutionResult> | undefined
  #cancelled = false

  constructor(
    dependencies: OperationDependencies,
    { actor, sink, transport }: { actor: Actor; sink: OperationSink; transport: Transport },
  ) {
    this.#dependencies = dependencies
    this.#transport = transport
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
      else {
        const rendered = this.#render(result)
        this.#report(rendered.errorCodes)
        if (!this.#cancelled) await this.#sink.write(rendered.payload)
      }
      this.#reportClosed(undefined)
      if (!this.#cancelled) this.#sink.complete()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#cancelled) return this.#reportClosed(undefined)
    const { observer, toGraphQLError } = this.#dependencies
    const errors = (Array.isArray(error) ? error : [error]).map(toGraphQLError)
    const errorCodes = codesOf(errors)
    reportSlowConsumer(observer, error, { userId: this.#actor.id, transport: this.#transport })
    if (this.#subscription) this.#reportClosed(errorCodes[0])
    else this.#report(errorCodes)
    this.#sink.error(errors)
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
    this.#prepared = operation
    return slices.run(this.#actor.id, () =>
      operation.kind === 'subscription' ? operation.subscribe() : operation.execute(),
    )
  }

  async #follow(results: AsyncIterable<ExecutionResult>): Promise<void> {
    const stream = results[Symbol.asyncIterator]()
    this.#stream = stream
    this.#report([])
    this.#reportOpened()
    if (this.#cancelled) await stream.return?.()
    while (!this.#cancelled) {
      const { done, value } = await stream.next()
      if (done || this.#cancelled) return
      const { payload } = this.#render(value)
      await this.#sink.write(payload)
      const message = { kind: 'single', subscribers: 1, bytes: payload.length, duration: undefined } as const
      this.#dependencies.observer.delivery?.(message)
    }
  }

  #render({ data, errors = [] }: ExecutionResult): { payload: Buffer; errorCodes: readonly ErrorCode[] } {
    const translated = errors.map(this.#dependencies.toGraphQLError)
    return { payload: renderResult({ data, errors: translated }), errorCodes: codesOf(translated) }
  }

  #report(errorCodes: readonly ErrorCode[]): void {
    this.#dependencies.observer.operation?.({
      context: this.#actor.context,
      userId: this.#actor.id,
      transport: this.#transport,
      kind: this.#prepared?.kind,
      name: this.#prepared?.name,
      field: this.#prepared?.field,
      errorCodes,
      duration: performance.now() - this.#startedAt,
    })
  }

  #reportOpened(): void {
    const { context, id: userId } = this.#actor
    const fact = { context, userId, transport: this.#transport, field: this.#prepared?.field }
    this.#subscription = { fact, openedAt: performance.now() }
    this.#dependencies.observer.subscriptionOpened?.(fact)
  }

  #reportClosed(errorCode: ErrorCode | undefined): void {
    if (!this.#subscription) return
    const { fact, openedAt } = this.#subscription
    const lifetime = performance.now() - openedAt
    this.#dependencies.observer.subscriptionClosed?.({ ...fact, lifetime, errorCode })
  }
}

/** Serialises an execution result, whose errors are translated. */
export function renderResult({ data, errors }: { data?: unknown; errors: readonly GraphQLError[] }): Buffer {
  const result = {
    ...(data !== undefined && { data }),
    ...(errors.length > 0 && { errors: errors.map((error) => error.toJSON()) }),
  }
  return Buffer.from(JSON.stringify(result))
}

const isStream = (result: ExecutionResult | AsyncIterable<ExecutionResult>): result is AsyncIterable<ExecutionResult> =>
  Symbol.asyncIterator in result
