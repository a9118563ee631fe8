import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from '../core/logger.ts'
import { TimeSlices } from '../core/time-slices.ts'
import type { Timeouts } from '../core/timeouts.ts'
import { createAddressReader } from './address.ts'
import { HttpConnection } from './connection.ts'
import { listen, type ListenOptions } from './listen.ts'
import { type ConnectionEntry, type ConnectionLimits, ConnectionTable } from './connection-table.ts'

/** How often timeouts are looked at, in milliseconds. */
const CHECK_INTERVAL = 1_000
/** Bytes of all headers. */
const HEAD_LIMIT = 16 * 1024

/** Who sent a request, and by which connection. */
export interface Peer {
  /** For bounds per address. */
  readonly address: string
  readonly connection: ConnectionEntry
}

/** What is known of a connection before its first request. */
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
  /** Answers one request; at a time, one of a connection. It never rejects. */
  readonly onRequest: (incoming: IncomingMessage, response: ServerResponse, peer: Peer) => Promise<void>
  /** Gets every request for another protocol. */
  readonly onUpgrade: (request: IncomingMessage, stream: Socket, head: Buffer, peer: Peer) => void
}

/** The HTTP server below every door: bounds what a peer can hold before it is known. */
export interface Listener {
  address(): AddressInfo
  listen(at: ListenOptions): Promise<void>
  /** Closes the connections without a request in work. */
  dropIdle(): void
  /** Takes no more connections; those with a request in work have so many milliseconds to end it. */
  close(patience: number): Promise<void>
}

export function createListener(options: ListenerOptions): Listener {
  const { log, keepAliveTimeout, timeouts, onRequest, onUpgrade } = options
  const addresses = createAddressReader(options.trustProxy)
  const table = new ConnectionTable(options.connections)
  const peers = new WeakMap<HttpConnection, KnownPeer>()
  // Apart from those of deliveries, which must not wait for a flood of requests.
  const slices = new TimeSlices()
  let closeBeside = () => Promise.resolve()

  const server = createServer({
    keepAliveTimeout,
    // Since Node.js 18 it begins with the first byte of a request, so that it needs not exceed the keep-alive.
    headersTimeout: timeouts.requestHead,
    requestTimeout: timeouts.request,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL, timeouts.requestHead),
    maxHeaderSize: HEAD_LIMIT,
  })

  let hinted = false
  /** A proxy that is not configured makes all its clients one address. */
  const hint = (peer: string, { headers }: IncomingMessage): void => {
    if (hinted || headers['x-forwarded-for'] === undefined || addresses.isProxy(peer)) return
    hinted = true
    log.info({ peer }, 'X-Forwarded-For is not believed; if this peer is your proxy, set TRUST_PROXY')
  }

  const peerOf = (connection: HttpConnection, incoming: IncomingMessage): Peer | undefined => {
    const known = peers.get(connection)
    if (!known) return undefined
    hint(known.peer, incoming)
    const address = known.address ?? addresses.clientOf(known.peer, incoming.headers)
    return { address, connection: known.entry }
  }

  // `node:http` serves an HttpConnection in place of the socket: https://nodejs.org/api/http.html#event-connection
  const [serveHttp] = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket): void => {
    const peer = socket.remoteAddress
    // Gone already.
    if (peer === undefined) return void socket.destroy()
    const address = addresses.isProxy(peer) ? undefined : addresses.clientOf(peer, {})
    const entry = table.add(address, () => socket.destroy())
    if (!entry) {
      log.debug({ address }, 'connection refused: too many')
      return void socket.destroy()
    }
    socket.once('close', () => entry.gone())
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
      peer.connection.works()
      response.once('close', () => {
        peer.connection.serving = false
        peer.connection.waits()
        connection.served()
      })
      void onRequest(incoming, response, peer)
    }
    connection.serve(begin, Number(incoming.headers['content-length']) || 0)
  })

  server.on('upgrade', (request: IncomingMessage, stream: unknown, head: Buffer): void => {
    const connection = requireConnection(stream)
    const peer = peerOf(connection, request)
    // Frames must not mix with an answer to a request before.
    if (!peer || peer.connection.serving) return void connection.destroy()
    const { socket, head: rest } = connection.release()
    socket.on('error', () => socket.destroy())
    const proxied = addresses.isProxy(connection.remoteAddress ?? '')
    if (proxied && !table.move(peer.connection, peer.address)) return void socket.destroy()
    peer.connection.upgraded = true
    onUpgrade(request, socket, Buffer.concat([head, rest]), peer)
  })

  return {
    address: () => server.address() as AddressInfo,
    async listen(at) {
      closeBeside = await listen(server, at)
    },
    dropIdle: () => table.destroyHttp({ idle: true }),
    async close(patience) {
      const closed = Promise.all([new Promise((resolve) => server.close(resolve)), closeBeside()])
      table.destroyHttp({ idle: true })
      const impatient = setTimeout(() => table.destroyHttp({ idle: false }), patience)
      await closed
      clearTimeout(impatient)
    },
  }
}

/** What `node:http` calls the socket of a request. */
function requireConnection(stream: unknown): HttpConnection {
  if (stream instanceof HttpConnection) return stream
  throw new TypeError('a request has come by a stream that is not a connection of this listener')
}
