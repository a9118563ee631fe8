import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { App } from './app.ts'
import { codeOf, RtcError, shorten } from './core/errors.ts'
import { requireCapacity } from './core/overload.ts'
import { createErrorTranslator } from './graphql/errors.ts'
import { createGraphiQL } from './graphiql/graphiql.ts'
import { createGraphQLHandler, errorReply } from './graphql/http.ts'
import { serveGraphQLSockets } from './graphql/ws.ts'
import { createGraphQL } from './graphql/yoga.ts'
import { loadTrustedDocuments } from './graphql/trusted.ts'
import { BodyBudget } from './http/body-budget.ts'
import { ADMIN_PATH, createAdminPage } from './http/admin-page.ts'
import { createCallPage } from './http/call-page.ts'
import { constantJson } from './http/constant.ts'
import { corsHeaders, preflightHeaders } from './http/cors.ts'
import { EventStreams } from './http/event-stream.ts'
import { InFlight } from './http/in-flight.ts'
import { createListener, type Peer } from './http/listener.ts'
import { type HttpReply, type HttpRequest, send, toRequest } from './http/message.ts'
import { MethodNotAllowed } from './http/method.ts'
import { mayOpenSocket } from './http/origin.ts'
import { PageBuild } from './http/page-build.ts'
import { checkOncePerSecond } from './http/readiness.ts'
import { contextOf, RequestRecord } from './http/record.ts'
import { refuseUpgrade } from './http/refusal.ts'
import { Concurrency } from './limits/concurrency.ts'
import { HeldResources } from './limits/held.ts'
import { createMetricsEndpoint, METRICS_PATH } from './metrics/endpoint.ts'
import { createOpenApi } from './rest/openapi.ts'
import { createWebhookDoor, WEBHOOK_PREFIX, webhookRoute } from './reconcile/door.ts'
import { problemReply } from './rest/problem.ts'
import { jsonReply } from './rest/route.ts'
import { createRestHandler, REST_PREFIX } from './rest/router.ts'
import { routes } from './rest/routes.ts'

export interface GatewayServer {
  /** `http://host:port`; valid after `listen`. */
  readonly url: string
  listen(): Promise<void>
  /**
   * Fails readiness, refuses new sockets and closes connections without a request in flight. Then closes the sockets
   * evenly spread over `over` seconds (default 0) while still answering requests. Ends at most two seconds later, even
   * if clients do not close their connections.
   */
  close(options?: { over: number }): Promise<void>
}

export const GRAPHQL_PATH = '/graphql'
export const OPENAPI_PATH = '/im/api/v1/openapi.json'
const HEALTH = '/health/'
/** Prefixes of the assets of GraphiQL and of the call page; each counts as one route. */
const ASSETS = [`${GRAPHQL_PATH}/graphiql-`, '/assets/']
/** Milliseconds that requests in flight may take after the drain. */
const GRACE_PERIOD = 2_000
/** Bytes of incomplete request bodies. */
const BODIES = { max: 128 * 1024 * 1024, maxPerAddress: 32 * 1024 * 1024 }

/** One HTTP server for GraphQL (HTTP, WebSocket, SSE), REST, health, GraphiQL and the call page. */
export function createGatewayServer(app: App): GatewayServer {
  const { config, secrets } = app.configuration
  const { authenticate, log, observer, overload, tracer } = app
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
  const operations = { graphql, toGraphQLError, slices: app.slices, observer, tracer }
  const streams = new EventStreams({
    admit: (userId) => held.connect(userId),
    clock: app.clock,
    connections: app.connections,
    observer,
  })
  const graphqlHandler = createGraphQLHandler({ operations, streams, authenticate })
  const restRoutes = routes(app, streams)
  const webhookDoor = createWebhookDoor({
    ...app.reconciliation,
    clock: app.clock,
    log,
    observer,
  })
  const restHandler = createRestHandler({ routes: restRoutes, authenticate, concurrency, publicUrl, log })
  const graphiql = createGraphiQL({ path: GRAPHQL_PATH, developmentToken: app.developmentToken })
  const { developmentToken } = app
  const build = new PageBuild()
  const callPage = createCallPage({ developmentToken, userClaim: config.auth.userClaim, build })
  const adminPage = createAdminPage({ developmentToken, build })
  // Created at the first request: it takes some milliseconds, which the start does not have to wait for.
  let openApi: HttpReply | undefined
  const live = constantJson({ status: 'live' })
  const readiness = checkOncePerSecond(() => app.readiness())
  const inFlight = new InFlight(config.http.requests)
  const budget = new BodyBudget(BODIES)
  const sockets = serveGraphQLSockets({
    operations,
    held,
    connections: app.connections,
    rates: app.rates,
    authenticate,
    requireCapacity: () => requireCapacity(overload),
    clock: app.clock,
    timeouts: app.timeouts,
    log,
  })
  const metricsEndpoint =
    app.metrics && config.metrics?.port === undefined
      ? createMetricsEndpoint(app.metrics, secrets.metricsToken)
      : undefined
  let draining = false

  /** Paths that support only GET and HEAD. */
  const getRoutes: Readonly<Record<string, () => HttpReply | Promise<HttpReply>>> = {
    [OPENAPI_PATH]: () => (openApi ??= constantJson(createOpenApi(restRoutes, publicUrl))),
    [`${HEALTH}live`]: () => live,
    [`${HEALTH}ready`]: async () => {
      if (draining) return jsonReply({ status: 'draining' }, 503)
      const { ready, ...parts } = await readiness()
      return jsonReply({ status: ready ? 'ready' : 'not ready', ...parts }, ready ? 200 : 503)
    },
  }

  const answer = async (request: HttpRequest): Promise<HttpReply> => {
    const { method, headers, url, record } = request
    record.route = routeOf(url.pathname)
    if (method === 'OPTIONS') return { status: 204, headers: preflightHeaders(headers) }
    if (config.graphiql && graphiql.serves(request)) return graphiql.answer(request)
    if (config.callPage && callPage.serves(request)) return callPage.answer(request)
    if (config.adminPage && adminPage.serves(request)) return adminPage.answer(request)
    if (isGraphQL(url.pathname)) return graphqlHandler(request)
    if (url.pathname.startsWith(`${REST_PREFIX}/`)) return restHandler(request)
    if (url.pathname.startsWith(WEBHOOK_PREFIX)) return webhookDoor(request)
    if (metricsEndpoint && url.pathname === METRICS_PATH) return metricsEndpoint(request)
    const get = Object.hasOwn(getRoutes, url.pathname) ? getRoutes[url.pathname] : undefined
    if (!get) throw new RtcError('NOT_FOUND', `${shorten(url.pathname)} does not exist.`)
    if (method !== 'GET' && method !== 'HEAD') throw new MethodNotAllowed(method, ['GET'])
    return get()
  }

  /** The pattern of a path that does not belong to a REST route. */
  const routeOf = (path: string): string | undefined => {
    if (isGraphQL(path)) return GRAPHQL_PATH
    const webhook = webhookRoute(path)
    if (webhook) return webhook
    if (path === '/' || path === ADMIN_PATH || path === METRICS_PATH || Object.hasOwn(getRoutes, path)) return path
    return ASSETS.find((prefix) => path.startsWith(prefix))
  }

  const refusal = (error: unknown, { url: path = '/', headers: { accept } }: IncomingMessage): HttpReply =>
    isGraphQL(pathOf(path))
      ? errorReply(error, { accept, toGraphQLError })
      : problemReply(error, { instance: path, log })

  const reply = async (
    incoming: IncomingMessage,
    { address, connection }: Peer,
    record: RequestRecord,
  ): Promise<HttpReply> => {
    const path = pathOf(incoming.url ?? '/')
    const bounded = !isProbe(path)
    let leave = () => {}
    const enter = () => {
      if (bounded) leave = inFlight.enter(address)
    }
    const reading = async (body: Promise<Buffer>) => {
      leave()
      connection.markWaiting()
      const content = await body
      connection.markWorking()
      enter()
      return content
    }
    try {
      if (bounded) requireCapacity(overload)
      enter()
      return await answer(toRequest(incoming, { record, budget, reading }))
    } catch (error) {
      record.errorCode = codeOf(error)
      return refusal(error, incoming)
    } finally {
      leave()
    }
  }

  const onRequest = async (incoming: IncomingMessage, response: ServerResponse, peer: Peer): Promise<void> => {
    const context = contextOf(incoming.headers, isProbe(pathOf(incoming.url ?? '/')) ? undefined : tracer)
    const record = new RequestRecord(context, { method: incoming.method ?? 'GET', address: peer.address })
    const { request: report } = observer
    if (report) response.once('close', () => report(record.end()))
    try {
      const { headers, ...rest } = await reply(incoming, peer, record)
      const cors = corsHeaders(corsOrigins, incoming.headers)
      const vary = [headers?.['Vary'], cors['Vary']].filter(Boolean).join(', ')
      // Clients must not reuse this connection.
      const closing = draining ? { Connection: 'close' } : {}
      // Only authenticated users get a stream; it counts against the limits per user.
      if (typeof rest.body === 'function') peer.connection.markSignedIn()
      else peer.connection.markWaiting()
      record.status = rest.status
      record.responseBytes = send(response, {
        ...rest,
        headers: { ...headers, ...cors, ...(vary && { Vary: vary }), ...closing, 'X-Request-Id': context.id },
      })
    } catch (error) {
      log.error({ err: error }, 'failed to send a response')
      response.destroy()
    }
  }

  const onUpgrade = (request: IncomingMessage, stream: Socket, head: Buffer, peer: Peer): void => {
    const { headers, url = '/' } = request
    const context = contextOf(headers)
    try {
      if (!isGraphQL(pathOf(url))) throw new RtcError('NOT_FOUND', `${shorten(url)} does not support upgrades.`)
      if (draining) throw new RtcError('UNAVAILABLE', 'The gateway is restarting.', { retryAfter: 1 })
      if (!mayOpenSocket(headers, { allowed: corsOrigins, publicUrl })) {
        throw new RtcError('FORBIDDEN', 'This origin is not allowed; see CORS_ORIGINS.')
      }
      requireCapacity(overload)
    } catch (error) {
      const { headers: given, ...problem } = problemReply(error, { instance: url, log })
      refuseUpgrade(stream, { ...problem, headers: { ...given, 'X-Request-Id': context.id } })
      const record = new RequestRecord(context, { method: 'GET', address: peer.address })
      record.route = routeOf(pathOf(url))
      record.status = problem.status
      record.errorCode = codeOf(error)
      observer.request?.(record.end())
      return
    }
    peer.connection.markWaiting()
    const origin = { context, address: peer.address }
    sockets.accept({ request, stream, head }, { tcp: peer.connection, origin })
  }

  const listener = createListener({
    ...config.http,
    keepAliveTimeout: config.http.keepAliveTimeout * 1000,
    timeouts: app.timeouts,
    log,
    onRequest,
    onUpgrade,
  })

  app.metrics?.watchServer({
    state: () => ({
      connections: listener.connections,
      requestsInFlight: inFlight.size,
      eventStreams: streams.size,
    }),
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
      await Promise.all([closed, listener.close(GRACE_PERIOD)])
    },
  }
}

/** Requests of supervisors, every few seconds: neither refused because of load, nor traced. */
const isProbe = (path: string): boolean => path.startsWith(HEALTH) || path === METRICS_PATH
const pathOf = (url: string): string => url.split('?')[0] ?? '/'
const isGraphQL = (path: string): boolean => path === GRAPHQL_PATH || path === `${GRAPHQL_PATH}/`
