import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { BusConnection, BusTransport } from './bus-connection.ts'
import { ALWAYS, type Interest } from './interest.ts'
import { type Notice, PendingNotices } from './notice.ts'

export interface BusOptions {
  readonly transport: BusTransport
  /** Called for each notice of another node. Must not throw. */
  onNotice(notice: Notice): void
  /** Called after every (re)connect: earlier notices may have been missed. Must not throw. */
  onGap(): void
  readonly log: Logger
  readonly observer: Observer
}

const RECONNECT_DELAY = { first: 100, max: 2_000 } as const
/**
 * Milliseconds from one batch to the next. A notice waits only if another one was sent just before. A batch costs the node
 * and the server nearly the same, however many notices it holds, so a larger one is followed by a longer pause.
 */
const SPACING = { min: 2, max: 10, perNotice: 0.25 } as const
/** Maximum number of pending notices. */
const PENDING_MAX = 10_000

interface Watched {
  interests: number
  ready: Promise<void> | undefined
}

/**
 * Sends notices between nodes, over one connection of its transport. Notices are sent after the commit and in batches:
 * each batch holds all notices that became pending since the previous one, which it follows after {@link SPACING}. Losing
 * the connection loses nothing, because notices are hints: streams are read from the log.
 */
export class Bus {
  readonly #options: BusOptions
  readonly #pending = new PendingNotices(PENDING_MAX)
  readonly #closing = new AbortController()
  /** By topic; empty if the transport is not selective. */
  readonly #watched = new Map<string, Watched>()
  #connection: BusConnection | undefined
  /** Called when the connection is lost; ends the connection, and the send that is in flight. */
  #lose: (error: Error) => void = () => undefined
  #failSending: (error: Error) => void = () => undefined
  #sending: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()
  /** When the connection was lost, and when the last batch was sent, in milliseconds of the monotonic clock. */
  #lostAt: number | undefined
  #sentAt = -Infinity
  /** Milliseconds from the last batch to the next. */
  #spacing: number = SPACING.min

  constructor(options: BusOptions) {
    this.#options = options
  }

  /** Whether the connection is open, and how many notices wait to be sent. */
  state(): { readonly connected: boolean; readonly pending: number } {
    return { connected: this.#connection !== undefined, pending: this.#pending.size }
  }

  /** Connects in the background and reconnects whenever the connection is lost. */
  start(): void {
    this.#running = this.#run()
  }

  /** Sends a notice to the other nodes. Never throws or blocks. */
  announce(notice: Notice): void {
    this.#pending.put(notice)
    void this.#flush()
  }

  /** Requests the notices of a topic. On a bus that is not selective, they arrive anyway. */
  watch(topic: string): Interest {
    if (!this.#options.transport.selective) return ALWAYS
    const watched = this.#watched.get(topic) ?? { interests: 0, ready: this.#connection?.watch([topic]) }
    watched.interests += 1
    this.#watched.set(topic, watched)
    return { ready: watched.ready, release: () => this.#release(topic, watched) }
  }

  /** Sends the pending notices if connected, then disconnects. */
  async close(): Promise<void> {
    await this.#flush()
    this.#closing.abort()
    this.#lose(new Error('the bus is closed'))
    await this.#running
  }

  #release(topic: string, watched: Watched): void {
    watched.interests -= 1
    if (watched.interests > 0) return
    this.#watched.delete(topic)
    this.#connection?.unwatch(topic)
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#closing
    let backOff: number = RECONNECT_DELAY.first
    while (!signal.aborted) {
      try {
        await this.#connect(() => {
          backOff = RECONNECT_DELAY.first
        })
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, 'lost the connection to the other nodes')
      }
      if (signal.aborted) return
      // Jitter: nodes that lost the server together do not reconnect at the same moment.
      await delay(backOff * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      backOff = Math.min(backOff * 2, RECONNECT_DELAY.max)
    }
  }

  /** The lifetime of one connection: watch → report the gap → send pending notices → wait until the connection is lost. */
  async #connect(onOpen: () => void): Promise<void> {
    const { transport, observer, onNotice, onGap } = this.#options
    const lost = new Promise<never>((_, reject) => {
      this.#lose = (error) => {
        reject(error)
        this.#failSending(error)
      }
    })
    // Avoids an unhandled rejection if the connection is lost while nothing awaits the promise.
    lost.catch(() => undefined)
    const connecting = transport.connect({
      onNotices(notices) {
        observer.noticesReceived?.({ notices: notices.length })
        notices.forEach(onNotice)
      },
      onReturned: () => observer.noticesReturned?.({ lag: performance.now() - this.#sentAt }),
      onLost: this.#lose,
    })
    try {
      const connection = await Promise.race([connecting, lost])
      this.#connection = connection
      await connection.watch([...this.#watched.keys()])
      if (this.#closing.signal.aborted) return
      onOpen()
      const gap = this.#lostAt === undefined ? undefined : performance.now() - this.#lostAt
      this.#lostAt = undefined
      observer.busConnected?.({ gap })
      onGap()
      void this.#flush()
      await lost
    } finally {
      this.#lostAt ??= performance.now()
      this.#connection = undefined
      connecting.then(
        (connection) => connection.close(),
        () => undefined,
      )
    }
  }

  /** Sends one batch at a time; notices that arrive meanwhile form the next batch. */
  #flush(): Promise<void> {
    return (this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    }))
  }

  async #send(): Promise<void> {
    while (this.#connection && this.#pending.size > 0) {
      const wait = this.#sentAt + this.#spacing - performance.now()
      if (wait > 0) await delay(wait)
      if (this.#connection) await this.#sendBatch(this.#connection, this.#pending.takeAll())
    }
  }

  async #sendBatch(connection: BusConnection, batch: readonly Notice[]): Promise<void> {
    const sentAt = performance.now()
    this.#sentAt = sentAt
    this.#spacing = Math.min(Math.max(SPACING.min, batch.length * SPACING.perNotice), SPACING.max)
    try {
      const { payloads } = await this.#sendOrLose(connection, batch)
      const duration = performance.now() - sentAt
      this.#options.observer.noticesSent?.({ notices: batch.length, payloads, duration })
    } catch (error) {
      for (const notice of batch) this.#pending.put(notice)
      if (this.#connection !== connection) return
      this.#connection = undefined
      this.#lose(error instanceof Error ? error : new Error('notices could not be sent', { cause: error }))
    }
  }

  /**
   * Rejects when the connection is lost. `Promise.race` with a promise that lasts as long as the connection would add a
   * reaction to it with each batch.
   */
  #sendOrLose(connection: BusConnection, batch: readonly Notice[]): ReturnType<BusConnection['send']> {
    return new Promise((resolve, reject) => {
      this.#failSending = reject
      connection.send(batch).then(resolve, reject)
    })
  }
}
