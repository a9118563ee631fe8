import type { Observer } from './observer.ts'
import type { TraceContext } from './trace-context.ts'

/** A span in progress. The facts that carry it say when it has ended; only the tracer looks inside. */
export type TraceSpan = TraceContext

/** What a span stands for: a request or an operation of a client, or a command that it causes. */
export type SpanKind = 'request' | 'command'

/** Begins spans. Absent unless traces are exported; so nothing else costs anything. */
export interface Tracer {
  /**
   * Begins a span now.
   *
   * @param parent - undefined begins a new trace
   * @returns undefined if the trace is not recorded
   */
  begin(kind: SpanKind, parent: TraceContext | undefined): TraceSpan | undefined
}

/** Exports spans: the tracer begins them, the observer ends them. */
export interface Tracing {
  readonly tracer: Tracer
  readonly observer: Observer
  /** Exports what is left. */
  close(): Promise<void>
}
