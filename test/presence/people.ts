import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { type Answer, type Messages, type Person, take, type World } from '../world.ts'

/** A subscription whose socket can be cut without a goodbye. */
export interface Watch {
  next(): Promise<Answer['body']>
  /** Takes until a message has this type. */
  until(type: string): Promise<Answer['body']>
  /** Breaks the connection; the gateway learns it as from a lost one. */
  cut(): void
  done(): Promise<unknown>
}

const UPDATES = `subscription ($roomId: ID!, $deviceId: ID) { roomUpdated(roomId: $roomId, deviceId: $deviceId) {
  seq type actorId participant { userId state connected leaveReason sessionId lostAt duration }
  room { status endReason duration activeUntil }
} }`

/** A room's stream, read by a device if one is named. */
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

/** Alice calls bob; both have joined, bob from this device if one is named. */
export async function activeCall({ alice, bob }: World, deviceId?: string): Promise<string> {
  const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  await alice.rest('POST', `/rooms/${body.id}/join`)
  await bob.rest('POST', `/rooms/${body.id}/join`, { ...(deviceId !== undefined && { deviceId }) })
  return body.id
}

export async function placeOf({ alice }: World, roomId: string, userId: string): Promise<Answer['body']> {
  const { body } = await alice.rest('GET', `/rooms/${roomId}/participants`)
  return body.find((participant: { userId: string }) => participant.userId === userId)
}
