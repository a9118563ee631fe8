import type { Duplex } from 'node:stream'
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws'
import { WebSocket } from 'ws'
import { type Authenticate, authorizationOf, reportRefusal } from '../auth/authenticate.ts'
import { TokenExpired } from '../auth/refusal.ts'
import { acceptedUntil, type Actor } from '../core/actor.ts'
import type { Agenda, Appointment } from '../core/agenda.ts'
import type { Clock } from '../core/clock.ts'
import type { Connections, OpenConnection } from '../core/connections.ts'
import { RtcError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { RequestContext } from '../core/observer.ts'
import type { Timeouts } from '../core/timeouts.ts'
import type { HeldResources } from '../limits/held.ts'
import type { Pings } from './pings.ts'
import {
  type Admission,
  type ConnectionDependencies,
  type ConnectionSocket,
  SocketConnection,
} from './socket-connection.ts'
import { SocketWriter, type SocketWriterOwner } from './socket-writer.ts'

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

/** Milliseconds that peers have for the closing handshake. */
export const CLOSE_TIMEOUT = 2_000

/** The client that opens a socket. */
export interface SocketOrigin {
  readonly context: RequestContext
  readonly address: string
}

/** The TCP connection of a socket. It counts against the limit of its address until a user signs in. */
export interface TcpConnection {
  markSignedIn(): void
}

/** The connection and the client of a socket. */
interface SocketPeer {
  readonly stream: Duplex
  readonly tcp: TcpConnection
  readonly origin: SocketOrigin
}

/** Shared by all sockets of a server. */
export interface ClientSocketDependencies {
  readonly connection: ConnectionDependencies
  readonly held: HeldResources
  /** Lists the sockets for administrators, who may close them. */
  readonly connections: Connections
  readonly authenticate: Authenticate
  readonly clock: Clock
  /** The times at which tokens of connected users expire. */
  readonly expiries: Agenda
  readonly pings: Pings
  readonly timeouts: Timeouts
  readonly log: Logger
}

/** A socket that refers to its client, so that all sockets share the listeners. */
export class ClientWebSocket extends WebSocket {
  client: ClientSocket | undefined
}

/**
 * One client's socket: admits the user, and closes the socket when the token expires, the client breaks the protocol, or
 * does not answer pings. Most sockets of a gateway are idle subscribers, so one takes no closures and no timers of its own.
 */
export class ClientSocket implements ConnectionSocket, SocketWriterOwner, Appointment, OpenConnection {
  readonly kind = 'websocket'
  readonly writer: SocketWriter
  readonly #dependencies: ClientSocketDependencies
  readonly #socket: ClientWebSocket
  readonly #tcp: TcpConnection
  readonly #context: RequestContext
  readonly #openedAt = performance.now()
  readonly #connection: SocketConnection
  /** Undefined until the user is authenticated. */
  #userId: string | undefined
  /** Milliseconds since the epoch. */
  #admittedAt = 0
  /** Why the gateway closed the socket. The peer may echo another code, or none. */
  #closing: { readonly code: number; readonly reason: string } | undefined
  #initTimeout: NodeJS.Timeout | undefined
  dueAt = Infinity
  position = -1

  /** Takes over a socket whose handshake is complete. */
  static accept(socket: ClientWebSocket, peer: SocketPeer, dependencies: ClientSocketDependencies): void {
    const client = new ClientSocket(socket, peer, dependencies)
    socket.client = client
    socket.on('error', onError)
    socket.on('close', onClose)
    dependencies.connection.observer.socketOpened?.(peer.origin)
    if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
      return client.refuse(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
    }
    socket.on('message', onMessage)
    socket.on('pong', onPong)
    client.#begin()
  }

  private constructor(socket: ClientWebSocket, peer: SocketPeer, dependencies: ClientSocketDependencies) {
    this.#dependencies = dependencies
    this.#socket = socket
    this.#tcp = peer.tcp
    this.#context = peer.origin.context
    this.writer = new SocketWriter(socket, peer.stream, this)
    this.#connection = new SocketConnection(dependencies.connection, this)
  }

  async admit(params: Readonly<Record<string, unknown>> | undefined): Promise<Admission> {
    clearTimeout(this.#initTimeout)
    this.#initTimeout = undefined
    const { authenticate, held, connection } = this.#dependencies
    const actor = await authenticate(this.#authorizationIn(params), this.#context)
    const account = held.connect(actor.id)
    this.#tcp.markSignedIn()
    this.#userId = actor.id
    const duration = performance.now() - this.#openedAt
    connection.observer.socketReady?.({ context: this.#context, userId: actor.id, duration })
    if (this.#socket.readyState === this.#socket.OPEN) this.#register(actor)
    return { actor, account }
  }

  refuse(code: CloseCode, reason: string): void {
    this.#dependencies.log.debug({ code, reason }, 'socket refused')
    this.end(code, Buffer.byteLength(reason) > REASON_MAX ? '' : reason)
  }

  fail(error: unknown): void {
    const { log } = this.#dependencies
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (error instanceof TokenExpired) return this.end(CLOSE.tokenExpired, error.message)
    if (error instanceof RtcError) {
      log.debug({ code: error.code }, 'connection refused')
      const code = error.code === 'UNAUTHENTICATED' ? CLOSE.unauthorized : CLOSE.overload
      return this.end(code, error.message.slice(0, 100))
    }
    log.error({ err: error }, 'socket failed')
    this.end(CLOSE.internal, 'Internal error')
  }

  /** Closes the socket; the first code is the one that is reported. */
  end(code: number, reason: string): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#closing ??= { code, reason }
    this.#socket.close(code, reason)
  }

  /** Called for an administrator who disconnects the user. The client reconnects with a new token, if it gets one. */
  close(): void {
    this.end(CLOSE.tokenExpired, 'Disconnected by an administrator')
    // A peer that does not answer the close frame would keep the socket for longer.
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT).unref()
  }

  get openedAt(): Date {
    return new Date(this.#admittedAt)
  }

  setPaused(paused: boolean): void {
    if (paused) this.#socket.pause()
    else this.#socket.resume()
  }

  /** Called by the writer: the client reads too slowly. */
  overflowed(): void {
    const { observer } = this.#dependencies.connection
    observer.slowConsumer?.({ userId: this.#userId, transport: 'websocket' })
    this.end(CLOSE.overload, 'Too slow; resume with your cursor')
    // Cancel operations now: a peer that does not read delays the socket's close event.
    this.#connection.close()
  }

  /** Called when the token expires. */
  due(): void {
    this.end(CLOSE.tokenExpired, 'The token has expired')
  }

  /** Called with each message of the client. */
  received(data: Buffer, isBinary: boolean): void {
    // Ignore messages that arrive during the closing handshake.
    if (this.#socket.readyState === this.#socket.OPEN) this.#connection.receive(data, isBinary)
  }

  /** Called with each pong of the client. */
  answered(): void {
    this.#dependencies.pings.answered(this.#socket)
  }

  /** Called with an error of the protocol, for which ws closes the socket itself: 1009, 1007 and others. */
  failed(error: Error): void {
    this.#dependencies.log.debug({ err: error }, 'socket error')
  }

  /** Called when the socket was closed, with the peer's code. */
  closed(code: number): void {
    clearTimeout(this.#initTimeout)
    this.#dependencies.pings.remove(this.#socket)
    this.#dependencies.expiries.remove(this)
    if (this.#userId !== undefined) this.#dependencies.connections.remove(this.#userId, this)
    this.writer.close()
    this.#connection.close()
    this.#dependencies.connection.observer.socketClosed?.({
      context: this.#context,
      userId: this.#userId,
      ...(this.#closing ?? { code, reason: '' }),
      lifetime: performance.now() - this.#openedAt,
    })
  }

  #begin(): void {
    const { timeouts, pings } = this.#dependencies
    this.#initTimeout = setTimeout(() => this.#initTimedOut(), timeouts.socketInit)
    pings.add(this.#socket)
  }

  /** Registers the socket of an authenticated user, for the time at which the token expires and for administrators. */
  #register(actor: Actor): void {
    const { clock, connections, expiries } = this.#dependencies
    this.#admittedAt = clock.now().getTime()
    connections.add(actor.id, this)
    const until = acceptedUntil(actor)
    if (!until) return
    this.dueAt = until.getTime()
    expiries.add(this)
  }

  /** {@link authorizationOf} that reports a refusal. */
  #authorizationIn(params: unknown): string | undefined {
    try {
      return authorizationOf(params)
    } catch (error) {
      reportRefusal(this.#dependencies.connection.observer, error, this.#context)
      throw error
    }
  }

  #initTimedOut(): void {
    // In a time slice, because sockets opened at the same time also time out at the same time.
    void this.#dependencies.connection.slices.run(this, () => {
      if (this.#connection.initialised) return
      this.refuse(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout')
    })
  }
}

/** Maximum length of a close reason in bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5 */
const REASON_MAX = 123

function onMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  ;(this as ClientWebSocket).client?.received(data, isBinary)
}

function onPong(this: WebSocket): void {
  ;(this as ClientWebSocket).client?.answered()
}

function onError(this: WebSocket, error: Error): void {
  ;(this as ClientWebSocket).client?.failed(error)
}

function onClose(this: WebSocket, code: number): void {
  ;(this as ClientWebSocket).client?.closed(code)
}
