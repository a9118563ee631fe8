import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { App } from './app.ts'
import { RtcError } from './core/errors.ts'
import { createErrorCoder } from './graphql/errors.ts'
import { createGraphiQL } from './graphql/graphiql.ts'
import { createGraphQLHandler } from './graphql/http.ts'
import { HeldResources } from './graphql/held.ts'
import { serveGraphQLSockets } from './graphql/ws.ts'
import { createGraphQL } from './graphql/yoga.ts'
import { createCallPage } from './http/call-page.ts'
import { corsHeaders, preflightHeaders } from './http/cors.ts'
import { type HttpReply, type HttpRequest, send, toRequest } from './http/message.ts'
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
   * Is not ready any more and takes no more sockets; closes those there are, spread over so many seconds (at once by
   * default), and meanwhile answers requests; then takes no more, and answers those under way.
   */
  close(options?: { over: number }): Promise<void>
}

export const GRAPHQL_PATH = '/graphql'
export const OPENAPI_PATH = '/im/api/v1/openapi.json'

/** One HTTP server for every door: GraphQL (HTTP and WebSocket), REST, health, the call page. */
export function createGatewayServer(app: App): GatewayServer {
  const { config } = app.configuration
  const { authenticate, log } = app
  const coded = createErrorCoder(log)
  const graphql = createGraphQL(app, coded)
  const held = new HeldResources()
  const graphqlHandler = createGraphQLHandler({ graphql, authenticate, coded })
  const restRoutes = routes(app)
  const restHandler = createRestHandler({ routes: restRoutes, authenticate, log })
  const graphiql = createGraphiQL({ path: GRAPHQL_PATH, developmentToken: app.developmentToken })
  const callPage = createCallPage({ developmentToken: app.developmentToken, userClaim: config.auth.userClaim })
  const openApi = createOpenApi(restRoutes)
  let draining = false

  const answer = async (request: HttpRequest): Promise<HttpReply> => {
    const { method, url } = request
    if (method === 'OPTIONS') return { status: 204, headers: preflightHeaders }
    if (config.graphiql && graphiql.serves(request)) return graphiql.answer(request)
    if (config.callPage && callPage.serves(request)) return callPage.answer(request)
    if (url.pathname === GRAPHQL_PATH) return graphqlHandler(request)
    if (url.pathname.startsWith(`${REST_PREFIX}/`)) return restHandler(request)
    if (method === 'GET' || method === 'HEAD') {
      if (url.pathname === OPENAPI_PATH) return jsonReply(openApi)
      if (url.pathname === '/health/live') return jsonReply({ status: 'live' })
      if (url.pathname === '/health/ready') {
        if (draining) return jsonReply({ status: 'draining' }, 503)
        const { ready, ...parts } = await app.readiness()
        return jsonReply({ status: ready ? 'ready' : 'not ready', ...parts }, ready ? 200 : 503)
      }
    }
    throw new RtcError('NOT_FOUND', `There is no ${method} ${url.pathname}.`)
  }

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const headers = corsHeaders(config.http.corsOrigins, incoming.headers)
    let reply: HttpReply
    try {
      reply = await answer(toRequest(incoming))
    } catch (error) {
      reply = problemReply(error, { instance: incoming.url ?? '/', log })
    }
    // Nobody should wait for a next answer on this connection.
    const connection = draining ? { Connection: 'close' } : {}
    send(response, { ...reply, headers: { ...reply.headers, ...headers, ...connection } })
  }

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => {
      // Only a peer that went away in the middle of its request comes here.
      log.debug({ err: error }, 'request aborted')
      response.destroy()
    })
  })
  const sockets = serveGraphQLSockets(server, {
    path: GRAPHQL_PATH,
    operations: { graphql, coded, slices: app.slices },
    held,
    rates: app.rates,
    authenticate,
    clock: app.clock,
    log,
  })

  return {
    get url() {
      const { port } = server.address() as AddressInfo
      const host = ['0.0.0.0', '::'].includes(config.http.host) ? 'localhost' : config.http.host
      return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    },
    async listen() {
      server.listen(config.http.port, config.http.host)
      await once(server, 'listening')
    },
    async close({ over } = { over: 0 }) {
      draining = true
      await sockets.close({ over: over * 1000 })
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      await closed
    },
  }
}
