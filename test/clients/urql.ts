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
 * What an application with urql writes to work with the gateway.
 *
 * @param token - asked for each request, and again whenever the socket connects
 */
export function createUrql(url: string, token: () => string | undefined): UrqlApplication {
  const authorization = () => ({ authorization: `Bearer ${token()}` })
  const connection = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: authorization,
    // By default graphql-ws waits for seconds, so that a thousand clients do not come back at once.
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
 * Lets a room's stream go on behind its last event after a disconnect: when graphql-ws retries, it sends the variables
 * as they are by then.
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
