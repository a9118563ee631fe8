import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RtcError, shorten } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { listen, type ListenOptions } from '../http/listen.ts'
import { type HttpReply, send } from '../http/message.ts'
import { problemReply } from '../rest/problem.ts'
import { METRICS_PATH, type MetricsEndpoint } from './endpoint.ts'

/** Serves the metrics on a port of their own. */
export interface MetricsListener {
  readonly port: number
  /** Closes the port and its connections. */
  close(): Promise<void>
}

/** Scrapers are few; more connections than these are refused. */
const CONNECTIONS_MAX = 64
/** Milliseconds for a request's head, and for the whole request. */
const TIMEOUT = { head: 5_000, request: 10_000 } as const

/** @throws ListenError */
export async function startMetricsListener(
  endpoint: MetricsEndpoint,
  { at, log }: { readonly at: ListenOptions; readonly log: Logger },
): Promise<MetricsListener> {
  const reply = async ({ url = '/', method = 'GET', headers }: IncomingMessage): Promise<HttpReply> => {
    try {
      const path = url.split('?')[0] ?? '/'
      if (path !== METRICS_PATH) throw new RtcError('NOT_FOUND', `${shorten(path)} does not exist.`)
      return await endpoint({ method, headers })
    } catch (error) {
      return problemReply(error, { instance: url, log })
    }
  }
  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    send(response, await reply(request))
    // A body is not read.
    request.resume()
  }
  const server = createServer(
    { headersTimeout: TIMEOUT.head, requestTimeout: TIMEOUT.request },
    (request, response) => void onRequest(request, response),
  )
  server.maxConnections = CONNECTIONS_MAX
  const closeSecond = await listen(server, { ...at, names: { host: 'HOST', port: 'METRICS_PORT' } })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = Promise.all([new Promise((resolve) => server.close(resolve)), closeSecond()])
      server.closeAllConnections()
      await closed
    },
  }
}
