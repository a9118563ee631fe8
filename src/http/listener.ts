import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from '../core/logger.ts'
import { TimeSlices } from '../core/time-slices.ts'
import type { Timeouts } from '../core/timeouts.ts'
import { createAddressReader } from './address.ts'
import { HttpConnection } from './connection.ts'
import { listen, type ListenOptions } from './listen.ts'
import { type ConnectionEntry, type ConnectionLimits, ConnectionTable } from './connection-table.ts'

/** Milliseconds between checks for timed-out requests. */
const CHECK_INTERVAL = 1_000
/** Maximum bytes of all headers. */
const HEAD_LIMIT = 16 * 1024

/** The sender of a request. */
export interface Peer {
  /** The address that limits apply to. */
  readonly address: string
  readonly connection: ConnectionEntry
}

/** The properties of a connection that are known before its first request. */
interface KnownPeer {
  readonly peer: string
  /** Undefined for a proxy, whose requests come from several clients. */
  readonly address: string | undefined
  readonly entry: ConnectionEntry
}

export interface ListenerOptions {
  readonly connections: ConnectionLimits
  /** As in {@link createAddressReader}. */
  readonly trustProxy: readonly string[]
  /** Milliseconds that a connection may be idle. */
  readonly keepAliveTimeout: number
  readonly timeouts: Timeouts
  readonly log: Logger
  /** Handles one request; requests of one connection are handled one at a time. Never rejects. */
  readonly onRequest: (incoming: IncomingMessage, response: ServerResponse, peer: Peer) => Promise<void>
  /** Handles a request to upgrade to another protocol. */
  readonly onUpgrade: (request: IncomingMessage, stream: Socket, head: Buffer, peer: Peer) => void
}

/** The HTTP server of all transports. Limits the resources of unauthenticated peers. */
export interface Listener {
  address(): AddressInfo
  /** Open connections, including upgraded ones. */
  readonly connections: number
  listen(at: ListenOptions): Promise<void>
  /** Closes connections without a request in flight. */
  dropIdle(): void
  /** Stops listening, and closes the remaining connections after `gracePeriod` milliseconds. */
  close(gracePeriod: number): Promise<void>
}

export function createListener(options: ListenerOptions): Listener {
  const { log, keepAliveTimeout, timeouts, onRequest, onUpgrade } = options
  const addresses = createAddressReader(options.trustProxy)
  const table = new ConnectionTable(options.connections)
  const peers = new WeakMap<HttpConnection, KnownPeer>()
  // Separate from the time slices of deliveries, which must not be delayed by a flood of requests.
  const slices = new TimeSlices()
  let closeSecondListener = () => Promise.resolve()

  const server = createServer({
    keepAliveTimeout,
    // Measured from the first byte of a request since Node.js 18, so it need not exceed the keep-alive timeout.
    headersTimeout: timeouts.requestHead,
    requestTimeout: timeouts.request,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL, timeouts.requestHead),
    maxHeaderSize: HEAD_LIMIT,
  })

  const entries = new WeakMap<Socket, ConnectionEntry>()
  // One function for all sockets: most of them are idle WebSockets.
  function removeEntry(this: Socket): void {
    entries.get(this)?.remove()
  }

  let hasHinted = false
  /** Behind a proxy that is not configured, all clients would share one address and its limits. */
  const hintAtProxy = (peer: string, { headers }: IncomingMessage): void => {
    if (hasHinted || headers['x-forwarded-for'] === undefined || addresses.isProxy(peer)) return
    hasHinted = true
    log.info({ peer }, 'ignoring X-Forwarded-For; if this peer is your proxy, set TRUST_PROXY')
  }

  const peerOf = (connection: HttpConnection, incoming: IncomingMessage): Peer | undefined => {
    const known = peers.get(connection)
    if (!known) return undefined
    hintAtProxy(known.peer, incoming)
    const address = known.address ?? addresses.clientOf(known.peer, incoming.headers)
    return { address, connection: known.entry }
  }

  // `node:http` serves an HttpConnection in place of the socket: https://nodejs.org/api/http.html#event-connection
  const [serveHttp] = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket): void => {
    const peer = socket.remoteAddress
    // Already disconnected.
    if (peer === undefined) return void socket.destroy()
    const address = addresses.isProxy(peer) ? undefined : addresses.clientOf(peer, {})
    const entry = table.add(address, socket)
    if (!entry) {
      log.debug({ address }, 'connection refused: too many')
      return void socket.destroy()
    }
    entries.set(socket, entry)
    socket.on('close', removeEntry)
    const connection = new HttpConnection(socket, slices)
    peers.set(connection, { peer, address, entry })
    serveHttp?.call(server, connection)
  })

  server.on('request', (incoming: IncomingMessage, response: ServerResponse): void => {
    const connection = requireConnection(incoming.socket)
    const peer = peerOf(connection, incoming)
    if (!peer) return void connection.destroy()
    const begin = () => {
      peer.connection.serving = true
      peer.connection.markWorking()
      response.once('close', () => {
        peer.connection.serving = false
        peer.connection.markWaiting()
        connection.served()
      })
      void onRequest(incoming, response, peer)
    }
    connection.serve(begin, Number(incoming.headers['content-length']) || 0)
  })

  server.on('upgrade', (request: IncomingMessage, stream: unknown, head: Buffer): void => {
    const connection = requireConnection(stream)
    const peer = peerOf(connection, request)
    // WebSocket frames must not mix with the response to an earlier request.
    if (!peer || peer.connection.serving) return void connection.destroy()
    const { socket, head: rest } = connection.release()
    socket.on('error', destroySocket)
    const proxied = addresses.isProxy(connection.remoteAddress ?? '')
    if (proxied && !table.move(peer.connection, peer.address)) return void socket.destroy()
    peer.connection.upgraded = true
    onUpgrade(request, socket, Buffer.concat([head, rest]), peer)
  })

  return {
    address: () => server.address() as AddressInfo,
    get connections() {
      return table.size
    },
    async listen(at) {
      closeSecondListener = await listen(server, at)
    },
    dropIdle: () => table.destroyHttp({ idle: true }),
    async close(gracePeriod) {
      const closed = Promise.all([new Promise((resolve) => server.close(resolve)), closeSecondListener()])
      table.destroyHttp({ idle: true })
      const destroyTimeout = setTimeout(() => table.destroyHttp({ idle: false }), gracePeriod)
      await closed
      clearTimeout(destroyTimeout)
    },
  }
}

function destroySocket(this: Socket): void {
  this.destroy()
}

/** `node:http` exposes the HttpConnection as the socket of a request. */
function requireConnection(stream: unknown): HttpConnection {
  if (stream instanceof HttpConnection) return stream
  throw new TypeError('the stream of a request is not a connection of this listener')
}
