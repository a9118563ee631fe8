import { Socket } from 'node:net'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import type { BusConnection, BusHandlers, BusTransport } from './bus-connection.ts'
import { decodeNotices, encodeNotices, isFrom } from './notice.ts'

const CHANNEL = 'rtc_gateway'
/** Named, so that the server parses and plans it once. */
const NOTIFY = { name: 'notify', text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload' } as const
/** Timeouts and intervals, in milliseconds. */
const CONNECT_TIMEOUT = 4_000
const QUERY_TIMEOUT = 4_500
const PROBE_INTERVAL = 5_000

interface Options {
  readonly databaseUrl: string
  readonly nodeId: string
  readonly log: Logger
}

/**
 * The bus of PostgreSQL: NOTIFY over a dedicated connection. Every node receives every notice.
 *
 * @see https://www.postgresql.org/docs/18/sql-notify.html
 */
export const createNotifyBus = (options: Options): BusTransport => ({
  selective: false,
  connect: (handlers) => connect(options, handlers),
})

async function connect({ databaseUrl, nodeId, log }: Options, handlers: BusHandlers): Promise<BusConnection> {
  const socket = new Socket()
  const client = new pg.Client({
    stream: () => socket,
    connectionString: databaseUrl,
    application_name: 'rtc-gateway bus',
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    query_timeout: QUERY_TIMEOUT,
    keepAlive: true,
  })
  let probe: NodeJS.Timeout | undefined
  let isOpen = true
  const close = () => {
    isOpen = false
    clearInterval(probe)
    // A graceful close would hang on a half-open connection.
    socket.destroy()
  }
  const lose = (error: Error) => {
    if (!isOpen) return
    close()
    handlers.onLost(error)
  }
  client.on('error', lose)
  client.on('end', () => lose(new Error('the database closed the connection')))
  client.on('notification', ({ payload = '' }) => {
    if (isFrom(nodeId, payload)) return handlers.onReturned()
    const message = decodeNotices(payload)
    if (!message) log.debug('ignored a notification that no gateway sent')
    else handlers.onNotices(message.notices)
  })
  try {
    await client.connect()
    await client.query(`LISTEN ${CHANNEL}`)
  } catch (error) {
    close()
    throw error
  }
  // Detects a half-open connection: the server stopped answering probes.
  probe = setInterval(() => void client.query('SELECT 1').catch(lose), PROBE_INTERVAL)
  return {
    async send(notices) {
      const payloads = encodeNotices(nodeId, notices)
      await client.query({ ...NOTIFY, values: [CHANNEL, payloads] })
      return { payloads: payloads.length }
    },
    watch: () => undefined,
    unwatch: () => undefined,
    close,
  }
}
