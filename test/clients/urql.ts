import { cacheExchange, Client, type ExecutionResult, fetchExchange, subscriptionExchange } from '@urql/core'
import { type Client as Connection, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { RoomUpdatedSubscription } from './generated/graphql.ts'

export interface UrqlApplication {
  readonly client: Client
  /** The connection that its subscriptions share. */
  readonly connection: Connection
}

/**
 * The code that an application with urql needs to work with the gateway.
 *
 * @param token - called for each request and on each connect of the socket
 */
export function createUrql(url: string, token: () => string | undefined): UrqlApplication {
  const authorization = () => ({ authorization: `Bearer ${token()}` })
  const connection = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: authorization,
    // By default graphql-ws waits for seconds, so that many clients do not reconnect at the same time.
    retryWait: () => Promise.resolve(),
  })
  const subscriptions = subscriptionExchange({
    forwardSubscription: ({ query = '', variables, ...request }) => ({
      subscribe: (sink) => ({
        unsubscribe: subscribe(connection, { ...request, query, variables: { ...variables } }, sink),
      }),
    }),
  })
  const client = new Client({
    url: `${url}/graphql`,
    exchanges: [cacheExchange, fetchExchange, subscriptions],
    fetchOptions: () => ({ headers: authorization() }),
  })
  return { client, connection }
}

/**
 * Resumes a room's stream after its last event: when graphql-ws reconnects, it sends the current variables, whose cursor
 * is updated here.
 */
function subscribe(
  connection: Connection,
  request: { query: string; variables: Record<string, unknown> },
  sink: { next(result: ExecutionResult): void; error(error: unknown): void; complete(): void },
): () => void {
  return connection.subscribe<Partial<RoomUpdatedSubscription>>(request, {
    next(result) {
      if (result.data?.roomUpdated) request.variables['after'] = result.data.roomUpdated.seq
      sink.next(result as ExecutionResult)
    },
    error: (error) => sink.error(error),
    complete: () => sink.complete(),
  })
}
