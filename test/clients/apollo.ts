import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { isSubscriptionOperation, relayStylePagination } from '@apollo/client/utilities'
import { type Client, createClient } from 'graphql-ws'
import { tap } from 'rxjs'
import WebSocket from 'ws'
import type { RoomUpdatedSubscription } from './generated/graphql.ts'

export interface ApolloApplication {
  readonly client: ApolloClient
  /** The connection that its subscriptions share. */
  readonly connection: Client
}

/**
 * The code that an application with Apollo Client needs to work with the gateway.
 *
 * @param token - called for each request and on each connect of the socket
 */
export function createApollo(url: string, token: () => string | undefined): ApolloApplication {
  const authorization = () => ({ authorization: `Bearer ${token()}` })
  const connection = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: authorization,
    // By default graphql-ws waits for seconds, so that many clients do not reconnect at the same time.
    retryWait: () => Promise.resolve(),
  })
  const authorized = new SetContextLink(({ headers }) => ({ headers: { ...headers, ...authorization() } }))
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ query }) => isSubscriptionOperation(query),
      ApolloLink.from([resuming, new GraphQLWsLink(connection)]),
      ApolloLink.from([authorized, new HttpLink({ uri: `${url}/graphql` })]),
    ),
    cache: new InMemoryCache({ typePolicies: { Query: { fields: { rooms: relayStylePagination(['filter']) } } } }),
  })
  return { client, connection }
}

/**
 * Resumes a room's stream after its last event: when graphql-ws reconnects, it sends the current variables, whose cursor
 * is updated here. The copy keeps the changing cursor out of the cache.
 */
const resuming = new ApolloLink((operation, forward) => {
  const variables = { ...operation.variables }
  operation.variables = variables
  return forward(operation).pipe(
    tap(({ data }) => {
      const update = (data as Partial<RoomUpdatedSubscription> | null | undefined)?.roomUpdated
      if (update) variables['after'] = update.seq
    }),
  )
})
