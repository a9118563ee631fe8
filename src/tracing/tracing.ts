import {
  type Attributes,
  type Context,
  diag,
  DiagLogLevel,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer as OtelTracer,
} from '@opentelemetry/api'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import type { ErrorCode } from '../core/errors.ts'
import { ERRORS } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { TraceContext } from '../core/trace-context.ts'
import type { TraceSpan, Tracing } from '../core/tracer.ts'
import type { TracingConfig } from './variables.ts'

/** Exports to the collector that the standard variables name. Imported only if they do. */
export async function createTracing({ protocol, serviceName, timeout }: TracingConfig, log: Logger): Promise<Tracing> {
  reportProblems(log)
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return tracingTo(new OTLPTraceExporter({ timeoutMillis: timeout }), serviceName)
}

/** Exports to the given exporter. */
export function tracingTo(exporter: SpanExporter, serviceName: string): Tracing {
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': serviceName }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  const tracer = provider.getTracer('rtc-gateway')
  return {
    tracer: {
      begin(kind, parent) {
        const span = tracer.startSpan(kind, { kind: KINDS[kind] }, contextOf(parent))
        return span.isRecording() ? new LiveSpan(span) : undefined
      },
    },
    observer: createSpanObserver(tracer),
    // Spans that cannot be exported must not make the stop of the gateway fail; `diag` has reported it.
    close: () => provider.shutdown().catch((error: unknown) => diag.error(String(error))),
  }
}

/** Minimum time between two log lines about problems of the export, in milliseconds. */
const LOG_INTERVAL = 60_000

/** Logs problems of the SDK, such as a collector that cannot be reached. */
function reportProblems(log: Logger): void {
  let loggedAt = Number.NEGATIVE_INFINITY
  const warn = (detail: string) => {
    const now = performance.now()
    if (now - loggedAt < LOG_INTERVAL) return
    loggedAt = now
    log.warn({ detail: detail.slice(0, 500) }, 'spans cannot be exported')
  }
  const ignore = () => undefined
  const logger = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

const KINDS = { request: SpanKind.SERVER, command: SpanKind.INTERNAL } as const

class LiveSpan implements TraceSpan {
  readonly span: Span

  constructor(span: Span) {
    this.span = span
  }

  get traceId(): string {
    return this.span.spanContext().traceId
  }

  get spanId(): string {
    return this.span.spanContext().spanId
  }

  get sampled(): boolean {
    return true
  }
}

/**
 * Ends the spans of requests, operations and commands, and creates those of commits and deliveries. Attributes follow the
 * semantic conventions where there are any: https://opentelemetry.io/docs/specs/semconv/. No attribute contains what a client
 * sent, except ids and the operation's name; therefore there is no `url.path`.
 */
function createSpanObserver(tracer: OtelTracer): Observer {
  return {
    request({ context, method, route, status, errorCode, userId, address, requestBytes, responseBytes }) {
      end(context.span, {
        name: route === undefined ? method : `${method} ${route}`,
        attributes: {
          'http.request.method': method,
          'http.route': route,
          'http.response.status_code': status === 0 ? undefined : status,
          'http.request.body.size': requestBytes,
          'http.response.body.size': responseBytes,
          'client.address': address,
          'user.id': userId,
          'rtc.request.id': context.id,
        },
        errorCode,
      })
    },
    operation({ context, userId, transport, kind, name, field, errorCodes }) {
      const attributes = {
        'graphql.operation.type': kind,
        'graphql.operation.name': name?.slice(0, NAME_MAX),
        'rtc.graphql.field': field,
      }
      // Over HTTP, the span is the request's and ends with it.
      if (transport === 'http') spanOf(context?.span)?.setAttributes(attributes)
      else {
        end(context?.span, {
          name: kind ?? 'operation',
          attributes: {
            ...attributes,
            'network.protocol.name': transport,
            'user.id': userId,
            'rtc.request.id': context?.id,
          },
          errorCode: errorCodes[0],
        })
      }
    },
    command({ span, type, roomId, userId, seq, outcome }) {
      end(span, {
        name: `command ${type}`,
        attributes: {
          'rtc.command.type': type,
          'rtc.command.outcome': outcome,
          'rtc.room.id': roomId,
          'rtc.room.seq': seq,
          'user.id': userId,
        },
        errorCode: outcome === 'ok' || outcome === 'replayed' ? undefined : outcome,
      })
    },
    commit({ kind, commits, landed, rows, causes, duration }) {
      if (causes.length === 0) return
      const [first, ...others] = causes
      const isShared = others.length > 0
      const links: Link[] = isShared ? causes.map((cause) => ({ context: spanContextOf(cause) })) : []
      const span = tracer.startSpan(
        kind === 'insert' ? 'INSERT "Room"' : 'UPDATE "Room"',
        {
          kind: SpanKind.CLIENT,
          startTime: performance.now() - duration,
          // Many commands share the statement: none of them is its parent.
          root: isShared,
          links,
          attributes: {
            'db.system.name': 'postgresql',
            'db.operation.name': kind === 'insert' ? 'INSERT' : 'UPDATE',
            'db.collection.name': 'Room',
            'db.operation.batch.size': isShared ? commits : undefined,
            'rtc.commit.landed': landed,
            'rtc.commit.rows': rows,
          },
        },
        isShared ? ROOT_CONTEXT : contextOf(first),
      )
      if (landed === undefined) span.setStatus({ code: SpanStatusCode.ERROR })
      if (isShared) for (const cause of causes) spanOf(cause)?.addLink({ context: span.spanContext() })
      span.end(performance.now())
    },
    delivery({ cause, subscribers, bytes, duration = 0 }) {
      if (!cause) return
      const options = {
        kind: SpanKind.PRODUCER,
        startTime: performance.now() - duration,
        attributes: { 'messaging.message.body.size': bytes, 'rtc.delivery.subscribers': subscribers },
      }
      tracer.startSpan('deliver roomUpdated', options, contextOf(cause)).end(performance.now())
    },
  }
}

/** Operation names are given by clients. */
const NAME_MAX = 100

function end(
  ended: TraceSpan | undefined,
  { name, attributes, errorCode }: { name: string; attributes: Attributes; errorCode: ErrorCode | undefined },
): void {
  const span = spanOf(ended)
  if (!span) return
  span.updateName(name)
  span.setAttributes(attributes)
  if (errorCode !== undefined) {
    span.setAttribute('error.type', errorCode)
    // What a client causes is no error of the server.
    if (ERRORS[errorCode].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

const spanOf = (span: TraceSpan | undefined): Span | undefined => (span instanceof LiveSpan ? span.span : undefined)

const spanContextOf = ({ traceId, spanId, sampled }: TraceContext): SpanContext => ({
  traceId,
  spanId,
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
})

function contextOf(parent: TraceContext | undefined): Context {
  if (!parent) return ROOT_CONTEXT
  const isRemote = !(parent instanceof LiveSpan)
  return trace.setSpanContext(ROOT_CONTEXT, { ...spanContextOf(parent), isRemote })
}
