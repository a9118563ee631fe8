import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Authenticate, authorizationOf, reportRefusal } from '../auth/authenticate.ts'
import { TokenExpired } from '../auth/refusal.ts'
import { acceptedUntil, type Actor } from '../core/actor.ts'
import type { Connections } from '../core/connections.ts'
import { RtcError } from '../core/errors.ts'
import type { Scheduler } from '../core/clock.ts'
import type { Timeouts } from '../core/timeouts.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer, RequestContext } from '../core/observer.ts'
import type { ConnectionAccount, HeldResources } from '../limits/held.ts'
import type { Rates } from '../limits/rates.ts'
import { SocketConnection, type ConnectionDependencies } from './socket-connection.ts'
import type { OperationDependencies } from './operation.ts'
import { SocketWriter } from './socket-writer.ts'

/** Close codes of RFC 6455 (1xxx) and graphql-ws (4xxx): https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
export const CLOSE = {
  /** The gateway restarts: clients reconnect. */
  restart: 1012,
  /** Slow consumer, or the gateway is overloaded: clients reconnect with a cursor. */
  overload: 1013,
  /** The token is missing or invalid: clients do not retry. */
  unauthorized: 4401,
  /** The token has expired, or an administrator has disconnected the user: clients reconnect with a new token. */
  tokenExpired: 4403,
  internal: 4500,
} as const

/** Maximum size of a received message in bytes. */
const MESSAGE_LIMIT = 64 * 1024
/** Milliseconds that peers have for the closing handshake on shutdown. */
const CLOSE_TIMEOUT = 2_000

/** The client that opens a socket. */
export interface SocketOrigin {
  readonly context: RequestContext
  readonly address: string
}

/** The TCP connection of a socket. It counts against the limit of its address until a user signs in. */
export interface TcpConnection {
  markSignedIn(): void
}

export interface GraphQLSockets {
  /** Completes the handshake of an upgrade request and takes over its connection. */
  accept(
    upgrade: { readonly request: IncomingMessage; readonly stream: Duplex; readonly head: Buffer },
    peer: { readonly tcp: TcpConnection; readonly origin: SocketOrigin },
  ): void
  /**
   * Closes all sockets with 1012, evenly spread over `over` milliseconds so that their clients do not reconnect at the
   * same time; resolves when all are closed. Accepts no new sockets afterwards.
   */
  close(options: { over: number }): Promise<void>
}

/**
 * Serves graphql-transport-ws.
 *
 * @param dependencies.requireCapacity - throws RtcError UNAVAILABLE while the gateway is overloaded
 */
export function serveGraphQLSockets(dependencies: {
  readonly operations: OperationDependencies
  readonly held: HeldResources
  /** Lists the sockets for administrators, who may close them. */
  readonly connections: Connections
  readonly rates: Rates
  readonly authenticate: Authenticate
  readonly requireCapacity: () => void
  readonly clock: Scheduler
  readonly timeouts: Timeouts
  readonly log: Logger
}): GraphQLSockets {
  const { operations, rates, requireCapacity } = dependencies
  const connection = { ...operations, requireCapacity, delayOf: (actor: Actor) => messageDelay(rates, actor) }
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_LIMIT, handleProtocols })
  const contexts = new WeakMap<IncomingMessage, RequestContext>()
  sockets.on('headers', (headers, request) => {
    const context = contexts.get(request)
    if (context) headers.push(`X-Request-Id: ${context.id}`)
  })

  return {
    accept({ request, stream, head }, peer) {
      contexts.set(request, peer.origin.context)
      sockets.handleUpgrade(request, stream, head, (socket) =>
        connect(socket, stream, { ...dependencies, ...peer, connection }),
      )
    },
    async close({ over }) {
      const open = [...sockets.clients]
      const closed = open.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      await spread(open, over, (socket) => close(socket, CLOSE.restart, 'The gateway restarts'))
      const terminateTimeout = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate()
      }, CLOSE_TIMEOUT)
      await Promise.all(closed)
      clearTimeout(terminateTimeout)
      sockets.close()
    },
  }
}

/** Counts a message. Returns 0, or if the rate is exceeded, the seconds after which to try again. */
function messageDelay(rates: Rates, actor: Actor): number {
  try {
    rates.count(actor, 'message')
    return 0
  } catch (error) {
    if (error instanceof RtcError && error.retryAfter !== undefined) return error.retryAfter
    throw error
  }
}

/** Calls `act` for each item, evenly spread over `over` milliseconds. */
async function spread<T>(items: readonly T[], over: number, act: (item: T) => void): Promise<void> {
  const started = performance.now()
  for (const [index, item] of items.entries()) {
    const wait = (over * index) / items.length - (performance.now() - started)
    if (wait > 0) await delay(wait)
    act(item)
  }
}

interface ConnectDependencies {
  readonly connection: Omit<ConnectionDependencies, 'admit'>
  readonly held: HeldResources
  readonly connections: Connections
  readonly tcp: TcpConnection
  readonly origin: SocketOrigin
  readonly authenticate: Authenticate
  readonly clock: Scheduler
  readonly timeouts: Timeouts
  readonly log: Logger
}

function connect(socket: WebSocket, stream: Duplex, dependencies: ConnectDependencies): void {
  const { log, timeouts, origin } = dependencies
  const { slices, observer } = dependencies.connection
  const report = reportSocket(socket, origin, observer)
  // ws closes the socket itself, for example with 1009 for an oversized message and 1007 for invalid UTF-8.
  socket.on('error', (error) => log.debug({ err: error }, 'socket error'))
  if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
    return refuse(socket, CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable', log)
  }
  const writer = new SocketWriter(socket, stream, () => {
    observer.slowConsumer?.({ userId: report.userId, transport: 'websocket' })
    close(socket, CLOSE.overload, 'Too slow; resume with your cursor')
    // Cancel operations now: a peer that does not read delays the socket's close event.
    connection.close()
  })
  const connection = new SocketConnection(
    { ...dependencies.connection, admit: (params) => admit(socket, params, { ...dependencies, report }) },
    {
      writer,
      refuse: (code, reason) => refuse(socket, code, reason, log),
      fail: (error) => closeFor(error, socket, log),
      setPaused: (paused) => (paused ? socket.pause() : socket.resume()),
    },
  )
  socket.on('message', (data: Buffer, isBinary) => {
    // Ignore messages that arrive during the closing handshake.
    if (socket.readyState === socket.OPEN) connection.receive(data, isBinary)
  })
  const initTimeout = setTimeout(() => {
    if (connection.initialised) return
    // In a time slice, because sockets opened at the same time also time out at the same time.
    void slices.run(connection, () =>
      refuse(socket, CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout', log),
    )
  }, timeouts.socketInit)
  const stopPinging = keepAlive(socket, timeouts)
  socket.once('close', () => {
    clearTimeout(initTimeout)
    stopPinging()
    connection.close()
  })
}

/** Authenticates the user and counts the connection against the user's limit. */
async function admit(
  socket: WebSocket,
  params: Readonly<Record<string, unknown>> | undefined,
  {
    authenticate,
    held,
    connections,
    tcp,
    origin,
    clock,
    connection,
    report,
  }: ConnectDependencies & { readonly report: SocketReport },
): Promise<{ actor: Actor; account: ConnectionAccount }> {
  const actor = await authenticate(authorizationIn(params, origin.context, connection.observer), origin.context)
  const account = held.connect(actor.id)
  tcp.markSignedIn()
  report.ready(actor.id)
  closeAtExpiry(socket, actor, clock)
  register(socket, actor, { connections, clock })
  return { actor, account }
}

/** {@link authorizationOf} that reports a refusal. */
function authorizationIn(params: unknown, context: RequestContext, observer: Observer): string | undefined {
  try {
    return authorizationOf(params)
  } catch (error) {
    reportRefusal(observer, error, context)
    throw error
  }
}

interface SocketReport {
  /** Undefined until the user is authenticated. */
  readonly userId: string | undefined
  ready(userId: string): void
}

/** Reports the life of a socket. */
function reportSocket(socket: WebSocket, { context, address }: SocketOrigin, observer: Observer): SocketReport {
  const openedAt = performance.now()
  let userId: string | undefined
  observer.socketOpened?.({ context, address })
  socket.once('close', (code) => {
    const closed = CLOSED.get(socket) ?? { code, reason: '' }
    observer.socketClosed?.({ context, userId, ...closed, lifetime: performance.now() - openedAt })
  })
  return {
    get userId() {
      return userId
    },
    ready(id) {
      userId = id
      observer.socketReady?.({ context, userId: id, duration: performance.now() - openedAt })
    },
  }
}

/** Why the gateway closed a socket. The peer may echo another code, or none. */
const CLOSED = new WeakMap<WebSocket, { readonly code: number; readonly reason: string }>()

/** Closes a socket with the first given code. */
function close(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === socket.OPEN && !CLOSED.has(socket)) CLOSED.set(socket, { code, reason })
  socket.close(code, reason)
}

/** Maximum length of a close reason in bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5 */
const REASON_MAX = 123

/** Closes the socket for a protocol error of its client. */
function refuse(socket: WebSocket, code: CloseCode, reason: string, log: Logger): void {
  log.debug({ code, reason }, 'socket refused')
  close(socket, code, Buffer.byteLength(reason) > REASON_MAX ? '' : reason)
}

/** Closes the socket with the close code for an error. */
function closeFor(error: unknown, socket: WebSocket, log: Logger): void {
  if (socket.readyState !== socket.OPEN) return
  if (error instanceof TokenExpired) return close(socket, CLOSE.tokenExpired, error.message)
  if (error instanceof RtcError) {
    log.debug({ code: error.code }, 'connection refused')
    const code = error.code === 'UNAUTHENTICATED' ? CLOSE.unauthorized : CLOSE.overload
    return close(socket, code, error.message.slice(0, 100))
  }
  log.error({ err: error }, 'socket failed')
  close(socket, CLOSE.internal, 'Internal error')
}

/** Registers the socket, so that an administrator can close it. The client reconnects with a new token, if it gets one. */
function register(
  socket: WebSocket,
  actor: Actor,
  { connections, clock }: Pick<ConnectDependencies, 'connections' | 'clock'>,
): void {
  if (socket.readyState !== socket.OPEN) return
  const disconnect = () => {
    close(socket, CLOSE.tokenExpired, 'Disconnected by an administrator')
    // A peer that does not answer the close frame would keep the socket for longer.
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT).unref()
  }
  socket.once('close', connections.add(actor.id, { kind: 'websocket', openedAt: clock.now(), close: disconnect }))
}

/** Closes the socket when its token expires; the client reconnects with a new one. */
function closeAtExpiry(socket: WebSocket, actor: Actor, clock: Scheduler): void {
  const until = acceptedUntil(actor)
  if (!until) return
  const expire = () => close(socket, CLOSE.tokenExpired, 'The token has expired')
  socket.once('close', clock.at(until, expire))
}

/**
 * Pings the peer and terminates a half-open connection within `socketPing` plus `socketPong` milliseconds. While reading
 * is paused, no pong is expected.
 */
function keepAlive(socket: WebSocket, timeouts: Timeouts): () => void {
  let pongTimeout: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    if (!socket.isPaused) pongTimeout ??= setTimeout(() => socket.terminate(), timeouts.socketPong)
    socket.ping()
  }, timeouts.socketPing)
  socket.on('pong', () => {
    clearTimeout(pongTimeout)
    pongTimeout = undefined
  })
  return () => {
    clearInterval(interval)
    clearTimeout(pongTimeout)
  }
}
