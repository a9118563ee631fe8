import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { ErrorCode } from '../core/errors.ts'
import type { RequestContext, RequestFact } from '../core/observer.ts'
import type { Tracer } from '../core/tracer.ts'
import { parseTraceparent } from '../core/trace-context.ts'

/** An `X-Request-Id` that is accepted: bounded, and safe in a header and in a log. Too short for a token. */
const REQUEST_ID = /^[\w.:/+=@-]{1,64}$/

/** The context of a request: its `X-Request-Id` if that is well-formed, otherwise a generated id; and its `traceparent`. */
export function contextOf(headers: IncomingHttpHeaders, tracer?: Tracer): RequestContext {
  const given = headers['x-request-id']
  const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
  const trace = parseTraceparent(headers['traceparent'])
  if (tracer) return { id, trace, span: tracer.begin('request', trace) }
  return trace ? { id, trace } : { id }
}

/** What is known of an HTTP request. Filled in while it is handled, and reported when it has ended. */
export class RequestRecord implements RequestFact {
  readonly context: RequestContext
  readonly method: string
  readonly address: string
  route: string | undefined
  status = 0
  errorCode: ErrorCode | undefined
  userId: string | undefined
  requestBytes = 0
  responseBytes: number | undefined = 0
  duration = 0
  readonly #startedAt = performance.now()

  constructor(context: RequestContext, { method, address }: { method: string; address: string }) {
    this.context = context
    this.method = method
    this.address = address
  }

  /** The finished fact. */
  end(): RequestFact {
    this.duration = performance.now() - this.#startedAt
    return this
  }
}
