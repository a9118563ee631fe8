/*
 * A room with urql and no framework: a query reads it, a mutation joins it, a subscription keeps it up to date. For React,
 * `urql` has hooks over the same client.
 *
 *   npm create vite@latest calls -- --template vanilla-ts && cd calls
 *   npm install @urql/core graphql graphql-ws
 *   cp ../rtc-gateway/docs/examples/urql.ts src/main.ts
 *   npm run dev
 *
 * Then open http://localhost:5173/#room=<id of a room>&token=<token of a participant>. In the gateway's folder,
 * `npm run token -- alice` prints a token, and http://localhost:3000/graphql creates a room.
 *
 * See https://nearform.com/open-source/urql/docs/advanced/subscriptions/
 */
import {
  cacheExchange,
  Client,
  type CombinedError,
  type ExecutionResult,
  fetchExchange,
  gql,
  subscriptionExchange,
} from '@urql/core'
import { createClient } from 'graphql-ws'

const GATEWAY = 'http://localhost:3000'
const parameters = new URLSearchParams(location.hash.slice(1))
const roomId = parameters.get('room') ?? ''

/** An application replaces the token here before it expires. */
const authorization = () => ({ authorization: `Bearer ${parameters.get('token') ?? ''}` })

const socket = createClient({
  url: `${GATEWAY.replace('http', 'ws')}/graphql`,
  connectionParams: authorization,
  retryAttempts: Infinity,
})

const client = new Client({
  url: `${GATEWAY}/graphql`,
  fetchOptions: () => ({ headers: authorization() }),
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe(sink) {
          const input = { query, variables: { ...variables } }
          const unsubscribe = socket.subscribe<Partial<RoomUpdatedData>>(input, {
            ...sink,
            next(result) {
              // After a lost connection graphql-ws subscribes again with these variables: with the next event, none lost.
              if (result.data?.roomUpdated) input.variables['after'] = result.data.roomUpdated.seq
              sink.next(result as ExecutionResult)
            },
          })
          return { unsubscribe }
        },
      }),
    }),
  ],
})

interface Room {
  readonly id: string
  readonly seq: number
  readonly status: 'WAITING' | 'ACTIVE' | 'ENDED'
  readonly participants: readonly { readonly userId: string; readonly state: string }[]
}
interface RoomUpdatedData {
  readonly roomUpdated: { readonly seq: number; readonly type: string; readonly room: Room }
}

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
const ROOM = gql<{ room: Room | null }, { roomId: string }>`
  query Room($roomId: ID!) {
    room(id: $roomId) {
      ...RoomFields
    }
  }
  ${ROOM_FIELDS}
`
const JOIN_ROOM = gql<{ joinRoom: { participant: { id: string } } }, { roomId: string }>`
  mutation JoinRoom($roomId: ID!) {
    joinRoom(input: { roomId: $roomId }) {
      participant {
        id
        state
      }
    }
  }
`
const ROOM_UPDATED = gql<RoomUpdatedData, { roomId: string; after: number }>`
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

const page = document.getElementById('app') ?? document.body
page.innerHTML = '<p role="alert"></p><h1></h1><ul></ul><button>Join</button><ol></ol>'
const [alert, status, people, button, events] = page.children

const item = (text: string) => Object.assign(document.createElement('li'), { textContent: text })
const show = (room: Room) => {
  status?.replaceChildren(room.status)
  people?.replaceChildren(...room.participants.map(({ userId, state }) => item(`${userId} ${state}`)))
}
/** Switch on codes, never on messages. */
const refuse = ({ graphQLErrors: [first], message }: CombinedError) => {
  const code: unknown = first?.extensions['code']
  alert?.replaceChildren(typeof code === 'string' ? code : message)
}

const join = async () => {
  const { error } = await client.mutation(JOIN_ROOM, { roomId })
  if (error) refuse(error)
}
button?.addEventListener('click', () => void join())

const { data, error } = await client.query(ROOM, { roomId })
if (error) refuse(error)
if (data?.room) {
  show(data.room)
  client.subscription(ROOM_UPDATED, { roomId, after: data.room.seq }).subscribe((result) => {
    if (result.error) refuse(result.error)
    // When the stream is complete, urql repeats the last result with `hasNext: false`.
    if (!result.data || !result.hasNext) return
    const { seq, type, room } = result.data.roomUpdated
    events?.append(item(`${seq} ${type}`))
    show(room)
  })
}
