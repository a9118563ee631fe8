import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Authenticate, authorizationOf } from '../auth/authenticate.ts'
import { TokenExpired } from '../auth/refusal.ts'
import { acceptedUntil, type Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import type { Scheduler } from '../core/clock.ts'
import type { Timeouts } from '../core/timeouts.ts'
import type { Logger } from '../core/logger.ts'
import type { ConnectionAccount, HeldResources } from '../limits/held.ts'
import type { Rates } from '../limits/rates.ts'
import { SocketConnection, type ConnectionDependencies } from './socket-connection.ts'
import type { OperationDependencies } from './operation.ts'
import { SocketWriter } from './socket-writer.ts'

/** Close codes of RFC 6455 (1xxx) and graphql-ws (4xxx): https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
export const CLOSE = {
  /** The gateway goes away; come back. */
  restart: 1012,
  /** This reader, or this gateway, is overloaded; come back with a cursor. */
  overload: 1013,
  /** No token, or one that will never do: clients give up. */
  unauthorized: 4401,
  /** The token has expired: clients come back with a fresh one. */
  tokenExpired: 4403,
  internal: 4500,
} as const

/** Largest message in bytes. */
const MESSAGE_LIMIT = 64 * 1024
/** Milliseconds. */
const CLOSE_TIMEOUT = 2_000

/** The TCP connection below a socket: bounded by its address until a user signs in. */
export interface TcpConnection {
  signsIn(): void
}

export interface GraphQLSockets {
  /** Takes over the connection of a client that asked for an upgrade. */
  accept(request: IncomingMessage, stream: Duplex, head: Buffer, tcp: TcpConnection): void
  /**
   * Takes no more sockets and closes those there are with 1012, spread over so many milliseconds so that their clients do
   * not come back all at once; resolves when they are gone.
   */
  close(options: { over: number }): Promise<void>
}

/**
 * Serves graphql-transport-ws.
 *
 * @param dependencies.requireCapacity - throws an RtcError while the gateway takes on nothing new
 */
export function serveGraphQLSockets(dependencies: {
  readonly operations: OperationDependencies
  readonly held: HeldResources
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

  return {
    accept(request, stream, head, tcp) {
      sockets.handleUpgrade(request, stream, head, (socket) =>
        connect(socket, stream, { ...dependencies, connection, tcp }),
      )
    },
    async close({ over }) {
      const open = [...sockets.clients]
      const gone = open.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      await spread(open, over, (socket) => socket.close(CLOSE.restart, 'The gateway restarts'))
      const impatient = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate()
      }, CLOSE_TIMEOUT)
      await Promise.all(gone)
      clearTimeout(impatient)
      sockets.close()
    },
  }
}

/** Counts a message; answers the seconds after which the next one may be counted. */
function messageDelay(rates: Rates, actor: Actor): number {
  try {
    rates.count(actor, 'message')
    return 0
  } catch (error) {
    if (error instanceof RtcError && error.retryAfter !== undefined) return error.retryAfter
    throw error
  }
}

/** Does something with each item, evenly over so many milliseconds. */
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
  readonly tcp: TcpConnection
  readonly authenticate: Authenticate
  readonly clock: Scheduler
  readonly timeouts: Timeouts
  readonly log: Logger
}

function connect(socket: WebSocket, stream: Duplex, dependencies: ConnectDependencies): void {
  const { log, timeouts } = dependencies
  const { slices } = dependencies.connection
  // ws closes the socket itself, with 1009 for a message over the limit, 1007 for text that is not UTF-8, and the like.
  socket.on('error', (error) => log.debug({ err: error }, 'socket error'))
  if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
    return refuse(socket, CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable', log)
  }
  const writer = new SocketWriter(socket, stream, () => {
    socket.close(CLOSE.overload, 'Too slow; resume with your cursor')
    // A peer that does not read takes its time to close; its operations are over now.
    connection.close()
  })
  const connection = new SocketConnection(
    { ...dependencies.connection, admit: (params) => admit(socket, params, dependencies) },
    {
      writer,
      refuse: (code, reason) => refuse(socket, code, reason, log),
      fail: (error) => closeFor(error, socket, log),
      setPaused: (paused) => (paused ? socket.pause() : socket.resume()),
    },
  )
  socket.on('message', (data: Buffer, isBinary) => {
    // What was asked before the close is not answered any more.
    if (socket.readyState === socket.OPEN) connection.receive(data, isBinary)
  })
  const initTimeout = setTimeout(() => {
    if (connection.initialised) return
    // Sockets that were opened together time out together.
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

/** Authenticates the connection's user and counts the connection. */
async function admit(
  socket: WebSocket,
  params: Readonly<Record<string, unknown>> | undefined,
  { authenticate, held, tcp, clock }: ConnectDependencies,
): Promise<{ actor: Actor; account: ConnectionAccount }> {
  const actor = await authenticate(authorizationOf(params))
  const account = held.connect(actor.id)
  tcp.signsIn()
  closeAtExpiry(socket, actor, clock)
  return { actor, account }
}

/** A close reason has at most 123 bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5 */
const REASON_MAX = 123

/** Closes the socket for what its client did. */
function refuse(socket: WebSocket, code: CloseCode, reason: string, log: Logger): void {
  log.debug({ code, reason }, 'socket refused')
  socket.close(code, Buffer.byteLength(reason) > REASON_MAX ? '' : reason)
}

function closeFor(error: unknown, socket: WebSocket, log: Logger): void {
  if (socket.readyState !== socket.OPEN) return
  if (error instanceof TokenExpired) return socket.close(CLOSE.tokenExpired, error.message)
  if (error instanceof RtcError) {
    log.debug({ code: error.code }, 'connection refused')
    const code = error.code === 'UNAUTHENTICATED' ? CLOSE.unauthorized : CLOSE.overload
    return socket.close(code, error.message.slice(0, 100))
  }
  log.error({ err: error }, 'socket failed')
  socket.close(CLOSE.internal, 'Internal error')
}

/** A socket lives no longer than the token that opened it: the client comes back with a fresh one. */
function closeAtExpiry(socket: WebSocket, actor: Actor, clock: Scheduler): void {
  const until = acceptedUntil(actor)
  if (!until) return
  const expire = () => socket.close(CLOSE.tokenExpired, 'The token has expired')
  socket.once('close', clock.at(until, expire))
}

/**
 * Notices a half-open connection, at the latest after interval and timeout together. Pongs of a peer that the gateway
 * itself does not read from are not missed.
 */
function keepAlive(socket: WebSocket, timeouts: Timeouts): () => void {
  let overdue: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    if (!socket.isPaused) overdue ??= setTimeout(() => socket.terminate(), timeouts.socketPong)
    socket.ping()
  }, timeouts.socketPing)
  socket.on('pong', () => {
    clearTimeout(overdue)
    overdue = undefined
  })
  return () => {
    clearInterval(interval)
    clearTimeout(overdue)
  }
}
