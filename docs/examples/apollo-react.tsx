/*
 * A room in React with Apollo Client 4: a query reads it, a mutation joins it, a subscription keeps it up to date.
 *
 *   npm create vite@latest calls -- --template react-ts && cd calls
 *   npm install @apollo/client graphql graphql-ws rxjs
 *   cp ../rtc-gateway/docs/examples/apollo-react.tsx src/main.tsx
 *   npm run dev
 *
 * Then open http://localhost:5173/#room=<id of a room>&token=<token of a participant>. In the gateway's folder,
 * `npm run token -- alice` prints a token, and http://localhost:3000/graphql creates a room.
 *
 * See https://www.apollographql.com/docs/react/data/subscriptions
 */
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  type TypedDocumentNode,
} from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { ApolloProvider, useMutation, useQuery, useSubscription } from '@apollo/client/react'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'
import { tap } from 'rxjs'

const GATEWAY = 'http://localhost:3000'
const parameters = new URLSearchParams(location.hash.slice(1))

/** Where an application asks its own server for a fresh token. */
const getToken = async () => parameters.get('token') ?? ''
const authorization = async () => ({ authorization: `Bearer ${await getToken()}` })

/** Called again for each connection, so that a token that has expired is replaced. */
const socket = createClient({
  url: `${GATEWAY.replace('http', 'ws')}/graphql`,
  connectionParams: authorization,
  retryAttempts: Infinity,
})

/**
 * Resumes the stream of a room where it was interrupted. graphql-ws subscribes again after a lost connection, with the
 * variables as they are by then; with `after`, the gateway continues with the next event and none is lost.
 */
const resumeLink = new ApolloLink((operation, forward) => {
  const variables = { ...operation.variables }
  operation.variables = variables
  return forward(operation).pipe(
    tap(({ data }) => {
      const update = (data as Partial<RoomUpdatedData> | null | undefined)?.roomUpdated
      if (update) variables['after'] = update.seq
    }),
  )
})

const authLink = new SetContextLink(async ({ headers }) => ({ headers: { ...headers, ...(await authorization()) } }))

const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    ApolloLink.from([resumeLink, new GraphQLWsLink(socket)]),
    ApolloLink.from([authLink, new HttpLink({ uri: `${GATEWAY}/graphql` })]),
  ),
  cache: new InMemoryCache(),
})

interface Room {
  readonly id: string
  readonly seq: number
  readonly status: 'WAITING' | 'ACTIVE' | 'ENDED'
  readonly participants: readonly { readonly id: string; readonly userId: string; readonly state: string }[]
}
interface RoomUpdatedData {
  readonly roomUpdated: { readonly seq: number; readonly type: string; readonly room: Room }
}

// An application generates the types of its documents: https://the-guild.dev/graphql/codegen
const ROOM_FIELDS = gql`
  fragment RoomFields on Room {
    id
    seq
    status
    participants {
      id
      userId
      state
    }
  }
`
const ROOM: TypedDocumentNode<{ room: Room | null }, { roomId: string }> = gql`
  query Room($roomId: ID!) {
    room(id: $roomId) {
      ...RoomFields
    }
  }
  ${ROOM_FIELDS}
`
const JOIN_ROOM: TypedDocumentNode<{ joinRoom: { participant: { id: string } } }, { roomId: string }> = gql`
  mutation JoinRoom($roomId: ID!) {
    joinRoom(input: { roomId: $roomId }) {
      participant {
        id
        state
      }
    }
  }
`
const ROOM_UPDATED: TypedDocumentNode<RoomUpdatedData, { roomId: string; after: number }> = gql`
  subscription RoomUpdated($roomId: ID!, $after: Int) {
    roomUpdated(roomId: $roomId, after: $after) {
      seq
      type
      room {
        ...RoomFields
      }
    }
  }
  ${ROOM_FIELDS}
`

function RoomPage({ roomId }: { roomId: string }) {
  const { data, error } = useQuery(ROOM, { variables: { roomId } })
  const [join, joining] = useMutation(JOIN_ROOM, { variables: { roomId } })
  const refusal = error ?? joining.error
  return (
    <main>
      {refusal && <p role="alert">{codeOf(refusal)}</p>}
      {data?.room && (
        <>
          <h1>{data.room.status}</h1>
          <ul>
            {data.room.participants.map(({ id, userId, state }) => (
              <li key={id}>{`${userId} ${state}`}</li>
            ))}
          </ul>
          {/* The error is shown above; the promise need not report it, too. */}
          <button disabled={joining.loading} onClick={() => void join().catch(() => undefined)}>
            Join
          </button>
          <Events room={data.room} />
        </>
      )}
    </main>
  )
}

/** Each event also brings the room as of that event, which the normalised cache hands to the query above. */
function Events({ room }: { room: Room }) {
  const [after] = useState(room.seq) // continues where the query's answer ends
  const [events, setEvents] = useState<readonly RoomUpdatedData['roomUpdated'][]>([])
  const { error } = useSubscription(ROOM_UPDATED, {
    variables: { roomId: room.id, after },
    onData: ({ data: { data: next } }) => next && setEvents((known) => [...known, next.roomUpdated]),
  })
  return (
    <>
      {error && <p role="alert">{codeOf(error)}</p>}
      <ol>
        {events.map(({ seq, type }) => (
          <li key={seq}>{`${seq} ${type}`}</li>
        ))}
      </ol>
    </>
  )
}

/** Switch on codes, never on messages. */
const codeOf = (error: Error): string =>
  CombinedGraphQLErrors.is(error) ? String(error.errors[0]?.extensions?.['code']) : error.message

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ApolloProvider client={client}>
        <RoomPage roomId={parameters.get('room') ?? ''} />
      </ApolloProvider>
    </StrictMode>,
  )
}
