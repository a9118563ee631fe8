import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { type Answer, type Messages, type Person, take, type World } from '../world.ts'

/** A subscription on a WebSocket of its own. */
export interface Watch {
  next(): Promise<Answer['body']>
  /** Skips messages until one has this type. */
  until(type: string): Promise<Answer['body']>
  /** Terminates the socket without a close frame, as a lost connection does. */
  cut(): void
  done(): Promise<unknown>
}

const UPDATES = `subscription ($roomId: ID!, $deviceId: ID) { roomUpdated(roomId: $roomId, deviceId: $deviceId) {
  seq type actorId participant { userId state connected leaveReason sessionId lostAt duration }
  room { status endReason duration activeUntil }
} }`

/** Subscribes to a room, optionally with a deviceId. */
export const watch = (world: Pick<World, 'url'>, person: Person, roomId: string, deviceId?: string): Watch =>
  follow(world, person, { query: UPDATES, variables: { roomId, deviceId } })

export function follow(
  { url }: Pick<World, 'url'>,
  person: Person,
  operation: { query: string; variables?: Record<string, unknown> },
): Watch {
  let socket: WebSocket | undefined
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    on: {
      opened: (opened) => {
        socket = opened as WebSocket
      },
    },
    connectionParams: { authorization: `Bearer ${person.token}` },
    retryAttempts: 0,
  })
  const messages = client.iterate(operation) as Messages
  const next = async () => Object.values((await take(messages, 1))[0]?.data ?? {})[0] as Answer['body']
  return {
    next,
    async until(type) {
      for (;;) {
        const message = await next()
        if (!message || message.type === type) return message
      }
    },
    cut: () => socket?.terminate(),
    done: async () => messages.return?.(),
  }
}

/** Creates a call from alice to bob that both have joined, bob optionally with a deviceId. */
export async function activeCall({ alice, bob }: World, deviceId?: string): Promise<string> {
  const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  await alice.rest('POST', `/rooms/${body.id}/join`)
  await bob.rest('POST', `/rooms/${body.id}/join`, { ...(deviceId !== undefined && { deviceId }) })
  return body.id
}

export async function participantOf({ alice }: World, roomId: string, userId: string): Promise<Answer['body']> {
  const { body } = await alice.rest('GET', `/rooms/${roomId}/participants`)
  return body.find((participant: { userId: string }) => participant.userId === userId)
}
