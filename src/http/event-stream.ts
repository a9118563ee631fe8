import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { acceptedUntil, type Actor } from '../core/actor.ts'
import type { Scheduler } from '../core/clock.ts'
import type { Connections } from '../core/connections.ts'
import { RtcError } from '../core/errors.ts'
import { noObserver, type Observer } from '../core/observer.ts'
import type { HttpReply } from './message.ts'

/** Maximum pending output of one client, the same as for a WebSocket. */
const LIMIT = { messages: 256, bytes: 256 * 1024 } as const
/** Milliseconds between keep-alives; longer than the TCP keep-alive takes to detect a half-open connection. */
const KEEP_ALIVE = 25_000
/** Milliseconds of silence after which the kernel probes the peer: ten times, once per second. */
const TCP_KEEP_ALIVE = 10_000

/** https://html.spec.whatwg.org/multipage/server-sent-events.html; `X-Accel-Buffering` keeps nginx from buffering. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

/** Server-sent events to one client. A slow consumer is disconnected and may resume with its cursor. */
export class EventStream {
  readonly #response: Writable
  readonly #onOverflow: () => void
  readonly #onClose: (() => void)[] = []
  #pending = 0
  #closed = false

  constructor(response: Writable, onOverflow: () => void) {
    this.#response = response
    this.#onOverflow = onOverflow
    response.on('error', () => this.#close())
    response.once('close', () => this.#close())
    if (response.destroyed || response.writableEnded) this.#close()
  }

  /** Calls back once when the stream ends for any reason; immediately if it has already ended. */
  onClose(callback: () => void): void {
    if (this.#closed) callback()
    else this.#onClose.push(callback)
  }

  /** Resolves when the kernel has accepted the bytes, or when they were discarded. */
  write(...parts: readonly Buffer[]): Promise<void> {
    return new Promise((onSettled) => this.#send(parts, onSettled))
  }

  /** Sends an event without reporting when it was accepted. */
  post(...parts: readonly Buffer[]): void {
    this.#send(parts, () => undefined)
  }

  /** Ends the stream after all written events. */
  end(): void {
    if (this.#closed) return
    this.#response.end()
    this.#close()
  }

  #send(parts: readonly Buffer[], onSettled: () => void): void {
    if (this.#closed) return onSettled()
    this.#pending += 1
    this.#response.cork()
    const last = parts.length - 1
    for (const [index, part] of parts.entries()) {
      if (index < last) this.#response.write(part)
      else
        this.#response.write(part, () => {
          this.#pending -= 1
          onSettled()
        })
    }
    this.#response.uncork()
    if (this.#pending > LIMIT.messages || this.#response.writableLength > LIMIT.bytes) {
      this.#onOverflow()
      this.#response.destroy()
      this.#close()
    }
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const callback of this.#onClose) callback()
  }
}

/** The first bytes and the keep-alive of a kind of event stream. */
export interface EventStreamKind {
  readonly opening: Buffer
  readonly keepAlive: Buffer
  /** The operation id of the REST route; absent if a GraphQL operation reports the stream. */
  readonly field?: string
}

export interface EventStreamsOptions {
  readonly admit: (userId: string) => { close(): void }
  readonly clock: Scheduler
  /** Lists the streams for administrators, who may close them. */
  readonly connections: Connections
  readonly observer?: Observer
}

/** The open event streams, with the same limits as WebSockets. */
export class EventStreams {
  readonly #admit: (userId: string) => { close(): void }
  readonly #clock: Scheduler
  readonly #observer: Observer
  readonly #connections: Connections
  readonly #open = new Set<EventStream>()
  #closing = false

  /** @param options.admit - counts a stream against its user's limit; throws RtcError RATE_LIMITED over the limit */
  constructor({ admit, clock, connections, observer = noObserver }: EventStreamsOptions) {
    this.#admit = admit
    this.#clock = clock
    this.#connections = connections
    this.#observer = observer
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Creates a streaming reply that ends at the latest when the actor's token expires.
   *
   * @param begin - receives the stream after the head was sent; the client may have disconnected by then
   * @throws RtcError RATE_LIMITED, or UNAVAILABLE while the gateway drains
   */
  reply(actor: Actor, kind: EventStreamKind, begin: (stream: EventStream) => void): HttpReply {
    if (this.#closing) throw new RtcError('UNAVAILABLE', 'The gateway is restarting.', { retryAfter: 1 })
    const account = this.#admit(actor.id)
    return {
      status: 200,
      headers: HEADERS,
      body: (response) => {
        const transport = kind.field === undefined ? 'sse' : 'rest'
        const stream = new EventStream(response, () => this.#observer.slowConsumer?.({ userId: actor.id, transport }))
        this.#open.add(stream)
        const timer = setInterval(() => stream.post(kind.keepAlive), KEEP_ALIVE)
        stream.onClose(() => {
          clearInterval(timer)
          this.#open.delete(stream)
          account.close()
        })
        const connection = { kind: 'event_stream', openedAt: this.#clock.now(), close: () => stream.end() } as const
        stream.onClose(this.#connections.add(actor.id, connection))
        if (kind.field !== undefined) this.#report(actor, kind.field, stream)
        enableTcpKeepAlive(response)
        stream.post(kind.opening)
        begin(stream)
        const until = acceptedUntil(actor)
        if (until) stream.onClose(this.#clock.at(until, () => stream.end()))
      },
    }
  }

  #report({ id: userId, context }: Actor, field: string, stream: EventStream): void {
    const subscription = { context, userId, transport: 'rest', field } as const
    const openedAt = performance.now()
    this.#observer.subscriptionOpened?.(subscription)
    stream.onClose(() => {
      const lifetime = performance.now() - openedAt
      this.#observer.subscriptionClosed?.({ ...subscription, lifetime, errorCode: undefined })
    })
  }

  /** Refuses new streams and ends the open ones, evenly spread over `over` milliseconds. */
  async close({ over }: { over: number }): Promise<void> {
    this.#closing = true
    const open = [...this.#open]
    for (const stream of open) {
      stream.end()
      if (over > 0) await delay(over / open.length)
    }
  }
}

/** Lets the kernel detect a half-open connection. */
function enableTcpKeepAlive(response: Writable): void {
  const { socket } = response as Writable & { socket?: { setKeepAlive?(on: boolean, delay: number): void } | null }
  socket?.setKeepAlive?.(true, TCP_KEEP_ALIVE)
}

/** Encodes one event; `data` must not contain line breaks. */
export function eventOf({ id, event, data }: { id?: string | number; event: string; data: string }): Buffer {
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`)
}
