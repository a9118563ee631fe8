import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Observer, SubscriptionFact, Transport } from '../core/observer.ts'
import { parseTraceparent, type TraceContext } from '../core/trace-context.ts'
import type { Tracer } from '../core/tracer.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import { Delivery, type DeliveryOwner, type DeliverySink } from '../events/delivery.ts'
import { reportSlowConsumer } from '../events/queue.ts'
import { JsonResult } from './compiled-operations.ts'
import { codesOf } from './errors.ts'
import { parseParams } from './params.ts'
import type { GraphQL, PreparedOperation } from './yoga.ts'

/** Receives the messages of one operation; each payload is the JSON of an execution result. */
export interface OperationSink extends DeliverySink {
  /** The operation has failed; no message follows. */
  error(errors: readonly GraphQLError[]): void
  /** The operation is over; no message follows. */
  complete(): void
  /** Called once when the operation has released its resources, also after it was cancelled. */
  ended(): void
}

export interface OperationDependencies {
  readonly graphql: GraphQL
  readonly toGraphQLError: (error: unknown) => GraphQLError
  readonly slices: TimeSlices
  readonly observer: Observer
  readonly tracer?: Tracer | undefined
}

/**
 * One operation of a WebSocket or an event stream, from preparation to its last message. It can be cancelled at any time:
 * a stream that is still being opened is closed as soon as it is open. While a shared subscription is idle, no function
 * of the operation is suspended, which would retain its promises and the client's request.
 */
export class Operation implements DeliverySink, DeliveryOwner {
  readonly #dependencies: OperationDependencies
  #actor: Actor
  readonly #sink: OperationSink
  readonly #transport: Transport
  readonly #startedAt = performance.now()
  /** Set until the operation is reported. */
  #prepared: PreparedOperation | undefined
  /** The first field of the operation. */
  #field: string | undefined
  /** Set while the operation is an open subscription. */
  #openedAt: number | undefined
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
   * Begins the operation, which reports its end to the sink. Parses and validates synchronously; never rejects.
   *
   * @param params - the client's request, not yet validated
   */
  async run(params: unknown): Promise<void> {
    this.#beginSpan(params)
    let error: unknown
    try {
      const result = await this.#execute(params)
      if (result instanceof Delivery) return this.#followDelivery(result)
      if (isStream(result)) await this.#follow(result)
      else {
        const rendered = this.#render(result)
        this.#report(rendered.errorCodes)
        if (!this.#cancelled) await this.#sink.write(rendered.payload)
      }
    } catch (thrown) {
      error = thrown
    }
    this.ended(error)
  }

  /** Ends the operation after the client cancelled it or disconnected; no further messages are sent. */
  cancel(): void {
    this.#cancelled = true
    // Avoids an unhandled rejection: the client no longer receives errors of this stream.
    this.#stream?.return?.().catch(() => undefined)
  }

  /** Sends a message, unless the operation was cancelled: another operation may already use the same id. */
  async write(payload: Buffer): Promise<void> {
    if (!this.#cancelled) await this.#sink.write(payload)
  }

  /** As {@link write}, without reporting when the message was sent. */
  post(payload: Buffer): void {
    if (!this.#cancelled) this.#sink.post(payload)
  }

  /** Reports the end to the sink; with an error, or a list of them, if the operation has failed. */
  ended(error?: unknown): void {
    if (error !== undefined && !this.#cancelled) this.#fail(error)
    else {
      this.#reportClosed(undefined)
      if (!this.#cancelled) this.#sink.complete()
    }
    this.#sink.ended()
  }

  /** The operation is a span of its own: its socket or stream may have many. */
  #beginSpan(params: unknown): void {
    const { context } = this.#actor
    const { tracer } = this.#dependencies
    if (!tracer || !context) return
    const parent = traceparentIn(params) ?? context.span ?? context.trace
    this.#actor = { ...this.#actor, context: { ...context, span: tracer.begin('request', parent) } }
  }

  #fail(error: unknown): void {
    const { observer, toGraphQLError } = this.#dependencies
    const errors = (Array.isArray(error) ? error : [error]).map(toGraphQLError)
    const errorCodes = codesOf(errors)
    reportSlowConsumer(observer, error, { userId: this.#actor.id, transport: this.#transport })
    if (this.#openedAt === undefined) this.#report(errorCodes)
    else this.#reportClosed(errorCodes[0])
    this.#sink.error(errors)
  }

  async #execute(params: unknown): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
    const { graphql, slices } = this.#dependencies
    const operation = graphql.prepare(parseParams(params), { actor: this.#actor, sink: this })
    this.#prepared = operation
    this.#field = operation.field
    return slices.run(this.#actor.id, () =>
      operation.kind === 'subscription' ? operation.subscribe() : operation.execute(),
    )
  }

  #followDelivery(delivery: Delivery): void {
    this.#stream = delivery
    this.#report([])
    this.#reportOpened()
    if (this.#cancelled) void delivery.return()
    delivery.follow(this)
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

  #render(result: ExecutionResult): { payload: Buffer; errorCodes: readonly ErrorCode[] } {
    if (result instanceof JsonResult) return { payload: Buffer.from(result.json), errorCodes: [] }
    const { data, errors = [] } = result
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
      field: this.#field,
      errorCodes,
      duration: performance.now() - this.#startedAt,
    })
    this.#prepared = undefined
  }

  #reportOpened(): void {
    this.#openedAt = performance.now()
    this.#dependencies.observer.subscriptionOpened?.(this.#subscriptionFact)
  }

  #reportClosed(errorCode: ErrorCode | undefined): void {
    if (this.#openedAt === undefined) return
    const lifetime = performance.now() - this.#openedAt
    this.#dependencies.observer.subscriptionClosed?.({ ...this.#subscriptionFact, lifetime, errorCode })
  }

  get #subscriptionFact(): SubscriptionFact {
    const { context, id: userId } = this.#actor
    return { context, userId, transport: this.#transport, field: this.#field }
  }
}

/** The client's `extensions.traceparent`. */
function traceparentIn(params: unknown): TraceContext | undefined {
  if (typeof params !== 'object' || params === null || !('extensions' in params)) return undefined
  const { extensions } = params
  if (typeof extensions !== 'object' || extensions === null || !('traceparent' in extensions)) return undefined
  return parseTraceparent(extensions.traceparent)
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
