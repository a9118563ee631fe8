import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { handleProtocols } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import type { Authenticate } from '../auth/authenticate.ts'
import type { Actor } from '../core/actor.ts'
import { Agenda } from '../core/agenda.ts'
import type { Connections } from '../core/connections.ts'
import { RtcError } from '../core/errors.ts'
import type { Scheduler } from '../core/clock.ts'
import type { Timeouts } from '../core/timeouts.ts'
import type { Logger } from '../core/logger.ts'
import type { RequestContext } from '../core/observer.ts'
import type { HeldResources } from '../limits/held.ts'
import type { Rates } from '../limits/rates.ts'
import {
  ClientSocket,
  type ClientSocketDependencies,
  ClientWebSocket,
  CLOSE,
  CLOSE_TIMEOUT,
  type SocketOrigin,
  type TcpConnection,
} from './client-socket.ts'
import type { OperationDependencies } from './operation.ts'
import { Pings } from './pings.ts'

/** Maximum size of a received message in bytes. */
const MESSAGE_LIMIT = 64 * 1024

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
  const { operations, held, connections, rates, authenticate, requireCapacity, clock, timeouts, log } = dependencies
  const client: ClientSocketDependencies = {
    connection: { ...operations, requireCapacity, delayOf: (actor: Actor) => messageDelay(rates, actor) },
    held,
    connections,
    authenticate,
    clock,
    expiries: new Agenda(clock),
    pings: new Pings(timeouts),
    timeouts,
    log,
  }
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_LIMIT,
    handleProtocols,
    WebSocket: ClientWebSocket,
  })

  const contexts = new WeakMap<IncomingMessage, RequestContext>()
  sockets.on('headers', (headers, request) => {
    const context = contexts.get(request)
    if (context) headers.push(`X-Request-Id: ${context.id}`)
  })

  return {
    accept({ request, stream, head }, peer) {
      contexts.set(request, peer.origin.context)
      sockets.handleUpgrade(request, stream, head, (socket) => ClientSocket.accept(socket, { ...peer, stream }, client))
    },
    async close({ over }) {
      const open = [...sockets.clients]
      const closed = open.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      await spread(open, over, (socket) => socket.client?.end(CLOSE.restart, 'The gateway restarts'))
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
