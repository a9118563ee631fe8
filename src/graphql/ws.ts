import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionArgs, GraphQLError } from 'graphql'
import { GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols, makeServer } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Authenticate, authorizationOf } from '../auth/authenticate.ts'
import { TokenExpired } from '../auth/refusal.ts'
import type { Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Outlet } from './context.ts'
import { Outbox } from './outbox.ts'
import type { GraphQL } from './yoga.ts'

/** Close codes of RFC 6455 (1xxx) and graphql-ws (4xxx): https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
export const CLOSE = {
  /** The gateway goes away; come back. */
  restart: 1012,
  /** This reader, or this gateway, is overloaded; come back with a cursor. */
  overload: 1013,
  badRequest: 4400,
  /** No token, or one that will never do: clients give up. */
  unauthorized: 4401,
  /** The token has expired: clients come back with a fresh one. */
  tokenExpired: 4403,
  internal: 4500,
} as const

/** Largest message in bytes. */
const MESSAGE_LIMIT = 64 * 1024
const SUBSCRIPTION_LIMIT = 100
const SOCKETS_PER_USER = 20
/** Milliseconds. */
const CLOSE_TIMEOUT = 2_000
const INIT_TIMEOUT = 10_000
const PING_INTERVAL = 25_000
const PONG_TIMEOUT = 10_000

interface Extra {
  readonly socket: WebSocket
  readonly outbox: Outbox
  actor?: Actor
}

export interface GraphQLSockets {
  /**
   * Takes no more sockets and closes those there are with 1012, spread over so many milliseconds so that their clients do
   * not come back all at once; resolves when they are gone.
   */
  close(options: { over: number }): Promise<void>
}

/** Serves graphql-transport-ws on the server's upgrade requests for `path`. */
export function serveGraphQLSockets(
  server: Server,
  dependencies: {
    readonly path: string
    readonly graphql: GraphQL
    readonly authenticate: Authenticate
    readonly coded: (error: unknown) => GraphQLError
    readonly clock: Clock
    readonly log: Log
  },
): GraphQLSockets {
  const { path, log } = dependencies
  const protocol = createProtocol(dependencies)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_LIMIT, handleProtocols })

  let closing = false

  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => stream.destroy())
    if (request.url?.split('?')[0] !== path) return refuseUpgrade(stream, '404 Not Found')
    if (closing) return refuseUpgrade(stream, '503 Service Unavailable')
    sockets.handleUpgrade(request, stream, head, (socket) => connect(socket, stream, { protocol, log }))
  })

  return {
    async close({ over }) {
      closing = true
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

/** Does something with each item, evenly over so many milliseconds. */
async function spread<T>(items: readonly T[], over: number, act: (item: T) => void): Promise<void> {
  const started = performance.now()
  for (const [index, item] of items.entries()) {
    const wait = (over * index) / items.length - (performance.now() - started)
    if (wait > 0) await delay(wait)
    act(item)
  }
}

type Protocol = ReturnType<typeof createProtocol>

/** graphql-ws keeps the protocol; authentication and errors are ours. */
function createProtocol({
  graphql,
  authenticate,
  coded,
  clock,
}: {
  graphql: GraphQL
  authenticate: Authenticate
  coded: (error: unknown) => GraphQLError
  clock: Clock
}) {
  const admit = createDoorkeeper()
  return makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: INIT_TIMEOUT,

    async onConnect({ connectionParams, extra }) {
      const actor = await authenticate(authorizationOf(connectionParams))
      admit(extra.socket, actor)
      extra.actor = actor
      closeAtExpiry(extra.socket, actor, clock)
    },

    async onSubscribe({ extra, subscriptions }, id, params) {
      try {
        if (Object.keys(subscriptions).length > SUBSCRIPTION_LIMIT) {
          throw new RtcError('RATE_LIMITED', `A socket may have ${SUBSCRIPTION_LIMIT} subscriptions.`)
        }
        return await prepare(graphql, extra, { id, ...params })
      } catch (error) {
        // One operation's mistake is that operation's error: thrown on, it would close the socket.
        return (Array.isArray(error) ? error : [error]).map(coded)
      }
    },

    execute: (args) => operationOf(args).execute(args),
    subscribe: (args) => operationOf(args).subscribe(args),

    onNext: (_context, _id, _payload, _args, { data, errors = [] }) => ({
      ...(data !== undefined && { data }),
      ...(errors.length > 0 && { errors: errors.map((error) => coded(error).toJSON()) }),
    }),
    onError: (_context, _id, _payload, errors) => errors.map((error) => coded(error).toJSON()),
  })
}

/** Counts the sockets of each user; refuses one too many. */
function createDoorkeeper(): (socket: WebSocket, actor: Actor) => void {
  const counts = new Map<string, number>()
  return (socket, { id }) => {
    if (socket.readyState === socket.CLOSED) return
    const count = (counts.get(id) ?? 0) + 1
    if (count > SOCKETS_PER_USER) {
      throw new RtcError('RATE_LIMITED', `A user may have ${SOCKETS_PER_USER} sockets; close another first.`)
    }
    counts.set(id, count)
    socket.once('close', () => {
      const left = (counts.get(id) ?? 0) - 1
      if (left > 0) counts.set(id, left)
      else counts.delete(id)
    })
  }
}

type Enveloped = Pick<ReturnType<GraphQL['getEnveloped']>, 'execute' | 'subscribe'>
const operationOf = (args: { rootValue?: unknown }) => args.rootValue as Enveloped

/** Parses, validates and gives context by Yoga's own path; throws what is wrong with the document. */
async function prepare(
  graphql: GraphQL,
  { actor, outbox }: Extra,
  {
    id,
    ...params
  }: {
    id: string
    query: string
    operationName?: string | null | undefined
    variables?: Record<string, unknown> | null | undefined
  },
): Promise<ExecutionArgs> {
  if (!actor) throw new RtcError('UNAUTHENTICATED', 'The connection is not initialised.')
  const enveloped = graphql.getEnveloped({ actor, outlet: outletOf(outbox, id), params })
  const document = enveloped.parse(params.query)
  const errors = enveloped.validate(enveloped.schema, document)
  if (errors.length > 0) throw errors
  return {
    schema: enveloped.schema,
    document,
    operationName: params.operationName ?? null,
    variableValues: params.variables ?? null,
    contextValue: await enveloped.contextFactory(),
    rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe } satisfies Enveloped,
  }
}

/** The messages of one operation, as graphql-transport-ws wants them. */
function outletOf(outbox: Outbox, id: string): Outlet {
  const head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`)
  return {
    write: (payload) => outbox.send(head, payload, TAIL),
    post: (payload) => outbox.post(head, payload, TAIL),
    overflow: () => outbox.overflow(),
  }
}

const TAIL = Buffer.from('}')

function connect(socket: WebSocket, stream: Duplex, { protocol, log }: { protocol: Protocol; log: Log }): void {
  const stopPinging = keepAlive(socket)
  const outbox = new Outbox(socket, stream, () => {
    socket.close(CLOSE.overload, 'Too slow; resume with your cursor')
    // A peer that does not read takes its time to close; its operations are over now.
    endOperations(CLOSE.overload)
  })
  const closed = protocol.opened(
    {
      protocol: socket.protocol || GRAPHQL_TRANSPORT_WS_PROTOCOL,
      // Resolves when the kernel has taken the message: a slow reader holds back its own operations only.
      send: (data) => outbox.send(Buffer.from(data)),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (handle) => {
        socket.on('message', (data: Buffer) => {
          // What was asked before the close is not answered any more.
          if (socket.readyState !== socket.OPEN) return
          handle(data.toString()).catch((error: unknown) => closeFor(error, socket, log))
        })
      },
    },
    { socket, outbox },
  )
  const endOperations = (code: number, reason = '') => {
    closed(code, reason).catch((error: unknown) => log.error({ err: error }, 'socket cleanup failed'))
  }
  // ws closes the socket itself, with 1009 for a message over the limit and the like.
  socket.on('error', (error) => log.debug({ err: error }, 'socket error'))
  socket.once('close', (code, reason) => {
    stopPinging()
    endOperations(code, String(reason))
  })
}

function closeFor(error: unknown, socket: WebSocket, log: Log): void {
  if (socket.readyState !== socket.OPEN) return
  if (error instanceof TokenExpired) return socket.close(CLOSE.tokenExpired, error.message)
  if (error instanceof RtcError) {
    const code = error.code === 'UNAUTHENTICATED' ? CLOSE.unauthorized : CLOSE.overload
    return socket.close(code, error.message.slice(0, 100))
  }
  log.error({ err: error }, 'socket failed')
  socket.close(CLOSE.internal, 'Internal error')
}

/** Timers of Node.js cannot be longer; a token that lives longer than this is looked at again then. */
const TIMER_MAX = 2 ** 31 - 1

/** A socket lives no longer than the token that opened it: the client comes back with a fresh one. */
function closeAtExpiry(socket: WebSocket, { expiresAt }: Actor, clock: Clock): void {
  if (!expiresAt) return
  let timer: NodeJS.Timeout
  const wait = () => {
    const left = expiresAt.getTime() - clock.now().getTime()
    if (left <= 0) socket.close(CLOSE.tokenExpired, 'The token has expired')
    else timer = setTimeout(wait, Math.min(left, TIMER_MAX))
  }
  wait()
  socket.once('close', () => clearTimeout(timer))
}

/** Notices a peer that is gone without a word: at the latest after interval and timeout together. */
function keepAlive(socket: WebSocket): () => void {
  let overdue: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    overdue ??= setTimeout(() => socket.terminate(), PONG_TIMEOUT)
    socket.ping()
  }, PING_INTERVAL)
  socket.on('pong', () => {
    clearTimeout(overdue)
    overdue = undefined
  })
  return () => {
    clearInterval(interval)
    clearTimeout(overdue)
  }
}

function refuseUpgrade(stream: Duplex, status: string): void {
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
