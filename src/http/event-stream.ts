import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { acceptedUntil, type Actor } from '../core/actor.ts'
import type { Scheduler } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import type { HttpReply } from './message.ts'

/** What may wait for one client, as for a socket. */
const LIMIT = { messages: 256, bytes: 256 * 1024 } as const
/** Milliseconds between two keep-alives; longer than TCP takes to notice a dead peer that is sent nothing. */
const KEEP_ALIVE = 25_000
/** Milliseconds of silence after which the kernel probes the peer, each second, ten times. */
const TCP_KEEP_ALIVE = 10_000

/** https://html.spec.whatwg.org/multipage/server-sent-events.html; nginx would buffer the stream. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

/** Server-sent events to one client. The client that does not keep up is cut off and resumes by its cursor. */
export class EventStream {
  readonly #response: Writable
  readonly #onClose: (() => void)[] = []
  #waiting = 0
  #over = false

  constructor(response: Writable) {
    this.#response = response
    response.on('error', () => this.#close())
    response.once('close', () => this.#close())
    if (response.destroyed || response.writableEnded) this.#close()
  }

  /** Calls back once, at the end of the stream, whoever ends it; at once when it is over. */
  onClose(callback: () => void): void {
    if (this.#over) callback()
    else this.#onClose.push(callback)
  }

  /** Resolves when the kernel has taken the bytes, or when nobody will. */
  write(...parts: readonly Buffer[]): Promise<void> {
    return new Promise((taken) => this.#send(parts, taken))
  }

  /** Never waits. */
  post(...parts: readonly Buffer[]): void {
    this.#send(parts, () => undefined)
  }

  /** Ends the stream after what was written. */
  end(): void {
    if (this.#over) return
    this.#response.end()
    this.#close()
  }

  #send(parts: readonly Buffer[], taken: () => void): void {
    if (this.#over) return taken()
    this.#waiting += 1
    this.#response.cork()
    const last = parts.length - 1
    for (const [index, part] of parts.entries()) {
      if (index < last) this.#response.write(part)
      else
        this.#response.write(part, () => {
          this.#waiting -= 1
          taken()
        })
    }
    this.#response.uncork()
    if (this.#waiting > LIMIT.messages || this.#response.writableLength > LIMIT.bytes) {
      this.#response.destroy()
      this.#close()
    }
  }

  #close(): void {
    if (this.#over) return
    this.#over = true
    for (const callback of this.#onClose) callback()
  }
}

/** How a kind of event stream begins and keeps its connection alive. */
export interface EventStreamKind {
  readonly opening: Buffer
  readonly keepAlive: Buffer
}

/** The event streams that are open, under the same bounds as sockets. */
export class EventStreams {
  readonly #admit: (userId: string) => { close(): void }
  readonly #clock: Scheduler
  readonly #open = new Set<EventStream>()
  #closing = false

  /** @param options.admit - counts a user's stream; throws RtcError RATE_LIMITED for one too many */
  constructor({ admit, clock }: { admit: (userId: string) => { close(): void }; clock: Scheduler }) {
    this.#admit = admit
    this.#clock = clock
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * A reply that stays open, at most until the actor's token expires.
   *
   * @param begin - gets the stream when the head is sent; the client may have gone by then
   * @throws RtcError RATE_LIMITED, or UNAVAILABLE while the gateway drains
   */
  reply(actor: Actor, kind: EventStreamKind, begin: (stream: EventStream) => void): HttpReply {
    if (this.#closing) throw new RtcError('UNAVAILABLE', 'The gateway restarts.', { retryAfter: 1 })
    const account = this.#admit(actor.id)
    return {
      status: 200,
      headers: HEADERS,
      body: (response) => {
        const stream = new EventStream(response)
        this.#open.add(stream)
        const timer = setInterval(() => stream.post(kind.keepAlive), KEEP_ALIVE)
        stream.onClose(() => {
          clearInterval(timer)
          this.#open.delete(stream)
          account.close()
        })
        probe(response)
        stream.post(kind.opening)
        begin(stream)
        const until = acceptedUntil(actor)
        if (until) stream.onClose(this.#clock.at(until, () => stream.end()))
      },
    }
  }

  /** Takes no more, and ends those there are, spread over so many milliseconds. */
  async close({ over }: { over: number }): Promise<void> {
    this.#closing = true
    const open = [...this.#open]
    for (const stream of open) {
      stream.end()
      if (over > 0) await delay(over / open.length)
    }
  }
}

/** Has the kernel notice a peer that is gone without saying so. */
function probe(response: Writable): void {
  const { socket } = response as Writable & { socket?: { setKeepAlive?(on: boolean, delay: number): void } | null }
  socket?.setKeepAlive?.(true, TCP_KEEP_ALIVE)
}

/** One event; its data has no line breaks. */
export function eventOf({ id, event, data }: { id?: string | number; event: string; data: string }): Buffer {
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`)
}
