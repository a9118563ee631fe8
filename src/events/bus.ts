import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { decodeNotices, encodeNotices, type Notice, PendingNotices } from './notice.ts'

export interface BusOptions {
  readonly databaseUrl: string
  readonly nodeId: string
  /** Called for each notice of another node. Must not throw. */
  onNotice(notice: Notice): void
  /** Called after every (re)connect: earlier notices may have been missed. Must not throw. */
  onGap(): void
  readonly log: Logger
  readonly observer: Observer
}

const CHANNEL = 'rtc_gateway'
/** Timeouts and intervals, in milliseconds. */
const CONNECT_TIMEOUT = 4_000
const QUERY_TIMEOUT = 4_500
const PROBE_INTERVAL = 5_000
const RECONNECT_DELAY = { first: 100, max: 2_000 } as const
/** Maximum number of pending notices. */
const PENDING_MAX = 10_000

/**
 * Sends notices between nodes by PostgreSQL's NOTIFY, over a dedicated connection. NOTIFY inside a write statement would
 * take a lock that all writers share, so notices are sent after the commit and in batches: each NOTIFY statement sends all
 * notices that became pending during the previous one.
 *
 * @see https://www.postgresql.org/docs/18/sql-notify.html
 */
export class Bus {
  readonly #options: BusOptions
  readonly #pending = new PendingNotices(PENDING_MAX)
  readonly #closing = new AbortController()
  #client: pg.Client | undefined
  #sending: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()
  /** When the connection was lost, and when the last batch was sent, in milliseconds of the monotonic clock. */
  #lostAt: number | undefined
  #sentAt = 0

  constructor(options: BusOptions) {
    this.#options = options
  }

  /** Whether the connection is open, and how many notices wait to be sent. */
  state(): { readonly connected: boolean; readonly pending: number } {
    return { connected: this.#client !== undefined, pending: this.#pending.size }
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

  /** Sends the pending notices if connected, then disconnects. */
  async close(): Promise<void> {
    await this.#flush()
    this.#closing.abort()
    this.#client?.emit('end')
    await this.#running
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
      // Jitter: nodes that lost the database together do not reconnect at the same moment.
      await delay(backOff * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      backOff = Math.min(backOff * 2, RECONNECT_DELAY.max)
    }
  }

  /** The lifetime of one connection: listen → report the gap → send pending notices → wait until the connection is lost. */
  async #connect(onOpen: () => void): Promise<void> {
    const socket = new Socket()
    const client = new pg.Client({
      stream: () => socket,
      connectionString: this.#options.databaseUrl,
      application_name: 'rtc-gateway bus',
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      query_timeout: QUERY_TIMEOUT,
      keepAlive: true,
    })
    const lost = new Promise<never>((_, reject) => {
      client.on('error', reject)
      client.on('end', () => reject(new Error('the database closed the connection')))
    })
    // Avoids an unhandled rejection if the connection is lost while nothing awaits the promise.
    lost.catch(() => undefined)
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''))
    let probe: NodeJS.Timeout | undefined
    try {
      await Promise.race([client.connect(), lost])
      await client.query(`LISTEN ${CHANNEL}`)
      if (this.#closing.signal.aborted) return
      this.#client = client
      onOpen()
      const gap = this.#lostAt === undefined ? undefined : performance.now() - this.#lostAt
      this.#lostAt = undefined
      this.#options.observer.busConnected?.({ gap })
      this.#options.onGap()
      void this.#flush()
      // Detects a half-open connection: the server stopped answering probes.
      probe = setInterval(() => {
        client.query('SELECT 1').catch((error: Error) => client.emit('error', error))
      }, PROBE_INTERVAL)
      await lost
    } finally {
      clearInterval(probe)
      this.#lostAt ??= performance.now()
      this.#client = undefined
      // A graceful close would hang on a half-open connection.
      socket.destroy()
    }
  }

  #receive(payload: string): void {
    const { nodeId, onNotice, log, observer } = this.#options
    const message = decodeNotices(payload)
    if (!message) log.debug('ignored a notification that no gateway sent')
    else if (message.nodeId === nodeId) observer.noticesReturned?.({ lag: performance.now() - this.#sentAt })
    else {
      observer.noticesReceived?.({ notices: message.notices.length })
      message.notices.forEach(onNotice)
    }
  }

  /** Sends one batch at a time; notices that arrive meanwhile form the next batch. */
  #flush(): Promise<void> {
    return (this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    }))
  }

  async #send(): Promise<void> {
    while (this.#client && this.#pending.size > 0) await this.#sendBatch(this.#client, this.#pending.takeAll())
  }

  async #sendBatch(client: pg.Client, batch: readonly Notice[]): Promise<void> {
    const payloads = encodeNotices(this.#options.nodeId, batch)
    const sentAt = performance.now()
    this.#sentAt = sentAt
    try {
      await client.query('SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload', [CHANNEL, payloads])
      const duration = performance.now() - sentAt
      this.#options.observer.noticesSent?.({ notices: batch.length, payloads: payloads.length, duration })
    } catch (error) {
      for (const notice of batch) this.#pending.put(notice)
      if (this.#client === client) this.#client = undefined
      client.emit('error', error)
    }
  }
}
