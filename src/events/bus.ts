import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import { decodeNotices, encodeNotices, type Notice, PendingNotices } from './notice.ts'

export interface BusOptions {
  readonly databaseUrl: string
  readonly nodeId: string
  /** Another node's notice. Must not throw. */
  onNotice(notice: Notice): void
  /** Called when the bus has connected: notices before that may have been missed. Must not throw. */
  onGap(): void
  readonly log: Logger
}

const CHANNEL = 'rtc_gateway'
/** Milliseconds. */
const CONNECT_TIMEOUT = 4_000
const ANSWER_TIMEOUT = 4_500
const PROBE_INTERVAL = 5_000
const RECONNECT = { first: 100, longest: 2_000 } as const
/** Pending notices at most. */
const BACKLOG = 10_000

/**
 * Carries notices between nodes by PostgreSQL's NOTIFY, on a connection of its own. A notification inside a write
 * statement would take a lock that all writers share, so notices are sent after the commit, in batches: all that become
 * pending during one statement are sent by the next.
 *
 * @see https://www.postgresql.org/docs/18/sql-notify.html
 */
export class Bus {
  readonly #options: BusOptions
  readonly #waiting = new PendingNotices(BACKLOG)
  readonly #closing = new AbortController()
  #client: pg.Client | undefined
  #sending: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: BusOptions) {
    this.#options = options
  }

  /** Connects, and reconnects whenever the connection is lost. */
  start(): void {
    this.#running = this.#run()
  }

  /** Sends a notice to the other nodes; never throws and never waits. */
  announce(notice: Notice): void {
    this.#waiting.put(notice)
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
    let pause: number = RECONNECT.first
    while (!signal.aborted) {
      try {
        await this.#connected(() => {
          pause = RECONNECT.first
        })
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, 'the connection to the other nodes is lost')
      }
      if (signal.aborted) return
      // Jitter: nodes that lost the database together do not reconnect at the same moment.
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      pause = Math.min(pause * 2, RECONNECT.longest)
    }
  }

  /** One connection: listen → report the gap → send pending notices → wait until it breaks. */
  async #connected(onOpen: () => void): Promise<void> {
    const socket = new Socket()
    const client = new pg.Client({
      stream: () => socket,
      connectionString: this.#options.databaseUrl,
      application_name: 'rtc-gateway bus',
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      query_timeout: ANSWER_TIMEOUT,
      keepAlive: true,
    })
    const broken = new Promise<never>((_, reject) => {
      client.on('error', reject)
      client.on('end', () => reject(new Error('the database has ended the connection')))
    })
    broken.catch(() => undefined)
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''))
    let probe: NodeJS.Timeout | undefined
    try {
      await Promise.race([client.connect(), broken])
      await client.query(`LISTEN ${CHANNEL}`)
      if (this.#closing.signal.aborted) return
      this.#client = client
      onOpen()
      this.#options.onGap()
      void this.#flush()
      // Detects a half-open connection: the server stopped answering probes.
      probe = setInterval(() => {
        client.query('SELECT 1').catch((error: Error) => client.emit('error', error))
      }, PROBE_INTERVAL)
      await broken
    } finally {
      clearInterval(probe)
      this.#client = undefined
      // On a half-open connection a graceful close would never be answered.
      socket.destroy()
    }
  }

  #receive(payload: string): void {
    const message = decodeNotices(payload)
    if (!message) this.#options.log.debug('ignored a notification that is not of a gateway')
    else if (message.nodeId !== this.#options.nodeId) message.notices.forEach(this.#options.onNotice)
  }

  /** Sends one batch at a time; notices that come meanwhile form the next. */
  #flush(): Promise<void> {
    return (this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    }))
  }

  async #send(): Promise<void> {
    while (this.#client && this.#waiting.size > 0) await this.#sendBatch(this.#client, this.#waiting.takeAll())
  }

  async #sendBatch(client: pg.Client, batch: readonly Notice[]): Promise<void> {
    const payloads = encodeNotices(this.#options.nodeId, batch)
    try {
      await client.query('SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload', [CHANNEL, payloads])
    } catch (error) {
      for (const notice of batch) this.#waiting.put(notice)
      if (this.#client === client) this.#client = undefined
      client.emit('error', error)
    }
  }
}
