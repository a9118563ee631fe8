import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { App } from './app.ts'
import { RtcError, shorten } from './core/errors.ts'
import { requireCapacity } from './core/overload.ts'
import { createErrorTranslator } from './graphql/errors.ts'
import { createGraphiQL } from './graphiql/graphiql.ts'
import { createGraphQLHandler, errorReply } from './graphql/http.ts'
import { serveGraphQLSockets } from './graphql/ws.ts'
import { createGraphQL } from './graphql/yoga.ts'
import { loadTrustedDocuments } from './graphql/trusted.ts'
import { BodyBudget } from './http/body-budget.ts'
import { createCallPage } from './http/call-page.ts'
import { constantJson } from './http/constant.ts'
import { corsHeaders, preflightHeaders } from './http/cors.ts'
import { EventStreams } from './http/event-stream.ts'
import { InFlight } from './http/in-flight.ts'
import { createListener, type Peer } from './http/listener.ts'
import { type HttpReply, type HttpRequest, send, toRequest } from './http/message.ts'
import { MethodNotAllowed } from './http/method.ts'
import { mayOpenSocket } from './http/origin.ts'
import { askOncePerSecond } from './http/readiness.ts'
import { refuseUpgrade } from './http/refusal.ts'
import { Concurrency } from './limits/concurrency.ts'
import { HeldResources } from './limits/held.ts'
import { createOpenApi } from './rest/openapi.ts'
import { problemReply } from './rest/problem.ts'
import { jsonReply } from './rest/route.ts'
import { createRestHandler, REST_PREFIX } from './rest/router.ts'
import { routes } from './rest/routes.ts'

export interface GatewayServer {
  /** `http://host:port`, once listening. */
  readonly url: string
  listen(): Promise<void>
  /**
   * Fails readiness, takes no more sockets, and closes at once what has no request in work. Closes the sockets spread
   * over so many seconds (at once by default) and meanwhile answers requests; then ends within two more seconds,
   * whatever clients do.
   */
  close(options?: { over: number }): Promise<void>
}

export const GRAPHQL_PATH = '/graphql'
export const OPENAPI_PATH = '/im/api/v1/openapi.json'
const HEALTH = '/health/'
/** Milliseconds that requests in work have after the drain. */
const PATIENCE = 2_000
/** Bytes of bodies that are on their way. */
const BODIES = { max: 128 * 1024 * 1024, maxPerAddress: 32 * 1024 * 1024 }

/** One HTTP server for every door: GraphQL (HTTP and WebSocket), REST, health, the call page. */
export function createGatewayServer(app: App): GatewayServer {
  const { config } = app.configuration
  const { authenticate, log, overload } = app
  const { corsOrigins, publicUrl } = config.http
  const toGraphQLError = createErrorTranslator(log)
  const concurrency = new Concurrency()
  const graphql = createGraphQL(app, {
    toGraphQLError,
    introspection: config.introspection,
    trusted: loadTrustedDocuments(config.trustedDocuments),
    concurrency,
  })
  const held = new HeldResources()
  const operations = { graphql, toGraphQLError, slices: app.slices }
  const streams = new EventStreams({ admit: (userId) => held.connect(userId), clock: app.clock })
  const graphqlHandler = createGraphQLHandler({ operations, streams, authenticate })
  const restRoutes = routes(app, streams)
  const restHandler = createRestHandler({ routes: restRoutes, authenticate, concurrency, publicUrl, log })
  const graphiql = createGraphiQL({ path: GRAPHQL_PATH, developmentToken: app.developmentToken })
  const callPage = createCallPage({ developmentToken: app.developmentToken, userClaim: config.auth.userClaim })
  const openApi = constantJson(createOpenApi(restRoutes, publicUrl))
  const live = constantJson({ status: 'live' })
  const readiness = askOncePerSecond(() => app.readiness())
  const inFlight = new InFlight(config.http.requests)
  const budget = new BodyBudget(BODIES)
  const sockets = serveGraphQLSockets({
    operations,
    held,
    rates: app.rates,
    authenticate,
    requireCapacity: () => requireCapacity(overload),
    clock: app.clock,
    timeouts: app.timeouts,
    log,
  })
  let draining = false

  /** What every method but GET and HEAD is refused for. */
  const readable: Readonly<Record<string, () => HttpReply | Promise<HttpReply>>> = {
    [OPENAPI_PATH]: () => openApi,
    [`${HEALTH}live`]: () => live,
    [`${HEALTH}ready`]: async () => {
      if (draining) return jsonReply({ status: 'draining' }, 503)
      const { ready, ...parts } = await readiness()
      return jsonReply({ status: ready ? 'ready' : 'not ready', ...parts }, ready ? 200 : 503)
    },
  }

  const answer = async (request: HttpRequest): Promise<HttpReply> => {
    const { method, headers, url } = request
    if (method === 'OPTIONS') return { status: 204, headers: preflightHeaders(headers) }
    if (config.graphiql && graphiql.serves(request)) return graphiql.answer(request)
    if (config.callPage && callPage.serves(request)) return callPage.answer(request)
    if (isGraphQL(url.pathname)) return graphqlHandler(request)
    if (url.pathname.startsWith(`${REST_PREFIX}/`)) return restHandler(request)
    const read = Object.hasOwn(readable, url.pathname) ? readable[url.pathname] : undefined
    if (!read) throw new RtcError('NOT_FOUND', `There is no ${shorten(url.pathname)}.`)
    if (method !== 'GET' && method !== 'HEAD') throw new MethodNotAllowed(method, ['GET'])
    return read()
  }

  const refusal = (error: unknown, { url: path = '/', headers: { accept } }: IncomingMessage): HttpReply =>
    isGraphQL(pathOf(path))
      ? errorReply(error, { accept, toGraphQLError })
      : problemReply(error, { instance: path, log })

  const reply = async (incoming: IncomingMessage, { address, connection }: Peer): Promise<HttpReply> => {
    const bounded = !pathOf(incoming.url ?? '/').startsWith(HEALTH)
    let leave = () => {}
    const enter = () => {
      if (bounded) leave = inFlight.enter(address)
    }
    const reading = async (body: Promise<Buffer>) => {
      leave()
      connection.waits()
      const read = await body
      connection.works()
      enter()
      return read
    }
    try {
      if (bounded) requireCapacity(overload)
      enter()
      return await answer(toRequest(incoming, { address, budget, reading }))
    } catch (error) {
      return refusal(error, incoming)
    } finally {
      leave()
    }
  }

  const onRequest = async (incoming: IncomingMessage, response: ServerResponse, peer: Peer): Promise<void> => {
    try {
      const { headers, ...rest } = await reply(incoming, peer)
      const cors = corsHeaders(corsOrigins, incoming.headers)
      const vary = [headers?.['Vary'], cors['Vary']].filter(Boolean).join(', ')
      // Nobody should wait for a next answer on this connection.
      const closing = draining ? { Connection: 'close' } : {}
      // The bounds per user apply to a stream, which only a signed-in user gets.
      if (typeof rest.body === 'function') peer.connection.signsIn()
      else peer.connection.waits()
      send(response, { ...rest, headers: { ...headers, ...cors, ...(vary && { Vary: vary }), ...closing } })
    } catch (error) {
      log.error({ err: error }, 'an answer could not be sent')
      response.destroy()
    }
  }

  const onUpgrade = (request: IncomingMessage, stream: Socket, head: Buffer, peer: Peer): void => {
    const { headers, url = '/' } = request
    try {
      if (!isGraphQL(pathOf(url))) throw new RtcError('NOT_FOUND', `There is no ${shorten(url)} to upgrade.`)
      if (draining) throw new RtcError('UNAVAILABLE', 'The gateway restarts.', { retryAfter: 1 })
      if (!mayOpenSocket(headers, { allowed: corsOrigins, publicUrl })) {
        throw new RtcError('FORBIDDEN', 'Pages of this origin may not call: see CORS_ORIGINS.')
      }
      requireCapacity(overload)
    } catch (error) {
      return refuseUpgrade(stream, problemReply(error, { instance: url, log }))
    }
    peer.connection.waits()
    sockets.accept(request, stream, head, peer.connection)
  }

  const listener = createListener({
    ...config.http,
    keepAliveTimeout: config.http.keepAliveTimeout * 1000,
    timeouts: app.timeouts,
    log,
    onRequest,
    onUpgrade,
  })

  return {
    get url() {
      const { host: given = '::' } = config.http
      const host = ['0.0.0.0', '::'].includes(given) ? 'localhost' : given
      return `http://${host.includes(':') ? `[${host}]` : host}:${listener.address().port}`
    },
    listen() {
      const { host, port } = config.http
      return listener.listen({ host, port, loopbackOnly: config.development })
    },
    async close({ over } = { over: 0 }) {
      draining = true
      listener.dropIdle()
      const spread = { over: over * 1000 }
      const closed = Promise.all([sockets.close(spread), streams.close(spread)])
      if (over > 0) await Promise.race([closed, delay(over * 1000, undefined, { ref: false })])
      await Promise.all([closed, listener.close(PATIENCE)])
    },
  }
}

const pathOf = (url: string): string => url.split('?')[0] ?? '/'
const isGraphQL = (path: string): boolean => path === GRAPHQL_PATH || path === `${GRAPHQL_PATH}/`
