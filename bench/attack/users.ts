import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'
import { scaled, until } from './anonymous.ts'
import type { Attack } from './attacks.ts'
import { subscribeMessage, type Target } from './target.ts'

const MALLORY = 'mallory'

/** Attacks by one user with a valid token, some with accomplices. */
export const userAttacks: readonly Attack[] = [
  {
    name: 'documents of comments by POST',
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      await repeat(scaled(1000, size), signal, (index) => target.graphql(token, comments(index)))
    },
  },
  {
    name: 'documents of comments by WebSocket',
    async run(target, size, signal) {
      const socket = await target.session(await target.token(MALLORY))
      for (let index = 0; index < scaled(2000, size) && !signal.aborted; index += 1) {
        await send(socket, subscribeMessage(String(index), comments(index, 20_000)))
      }
      socket?.terminate()
    },
  },
  {
    name: 'many documents on a room of 999 invitees at its ring deadline',
    env: { RING_TIMEOUT: '5' },
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      const roomId = await bigRoom(target, token, { invitees: scaled(999, size), of: 'big' })
      const socket = await target.session(token)
      for (let index = 0; index < 100; index += 1) {
        const query = `subscription s${index} { roomUpdated(roomId: "${roomId}") { seq type participant { userId } room { participants { userId state ringing: connected } } } }`
        await send(socket, subscribeMessage(String(index), query))
      }
      await until(signal)
      socket?.terminate()
    },
  },
  {
    name: 'ring bomb',
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      const victim = await target.session(await target.token('victim'))
      victim?.send(subscribeMessage('1', 'subscription { incomingCall { type room { id participants { userId } } } }'))
      await repeat(scaled(3000, size), signal, () =>
        target.rest(token, 'POST', '/rooms', { type: 'p2p', calleeId: 'victim' }),
      )
      victim?.terminate()
    },
  },
  {
    name: 'deadlines of rooms with 999 invitees',
    env: { RING_TIMEOUT: '5' },
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      await repeat(scaled(600, size), signal, (index) =>
        bigRoom(target, token, { invitees: 999, of: `crowd-${index}` }),
      )
      await until(signal)
    },
  },
  {
    name: 'the costliest query',
    async prepare(target, size) {
      const token = await target.token(MALLORY)
      await repeat(scaled(100, size), new AbortController().signal, (index) =>
        bigRoom(target, token, { invitees: 999, of: `full-${index}` }),
      )
    },
    async run(target, _size, signal) {
      const token = await target.token(MALLORY)
      const query =
        '{ rooms(first: 100) { edges { node { id participants { id userId role state joinedAt leftAt duration } } } } }'
      await repeat(Number.POSITIVE_INFINITY, signal, () => target.graphql(token, query), 20)
    },
  },
  {
    name: 'wrong variables and deep JSON',
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      const query =
        'mutation ($ids: [ID!]!, $roomId: ID!) { inviteParticipants(input: { roomId: $roomId, userIds: $ids }) { room { id } } }'
      const wrong = { ids: Array.from({ length: 60_000 }, () => ({})), roomId: 'x' }
      const deep = `{"query":"{me{id}}","variables":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`
      await repeat(scaled(200, size), signal, (index) =>
        index % 2 === 0 ? target.graphql(token, query, wrong) : target.http('POST', '/graphql', { token, body: deep }),
      )
    },
  },
  {
    name: 'rooms and metadata without end',
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      const metadata = { text: 'x'.repeat(8000) }
      await repeat(scaled(20_000, size), signal, (index) =>
        target.rest(token, 'POST', '/rooms', { type: 'group', participantIds: [`guest-${index}`], metadata }),
      )
    },
  },
  {
    name: 'invitations and rejections without end',
    async run(target, size, signal) {
      const [token, guest] = [await target.token(MALLORY), await target.token('guest')]
      const roomId = await bigRoom(target, token, { invitees: 0, of: 'nobody' })
      await repeat(scaled(10_000, size), signal, async () => {
        await target.rest(token, 'POST', `/rooms/${roomId}/participants`, { userId: 'guest' })
        await target.rest(guest, 'POST', `/rooms/${roomId}/reject`, {})
      })
    },
  },
  {
    name: 'subscriptions with 60 kB of variables',
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      const roomId = await bigRoom(target, token, { invitees: 1, of: 'padded' })
      const padded = 'subscription ($roomId: ID!, $pad: ID) { roomUpdated(roomId: $roomId, deviceId: $pad) { seq } }'
      const sockets: (WebSocket | null)[] = []
      for (let socketIndex = 0; socketIndex < scaled(20, size) && !signal.aborted; socketIndex += 1) {
        const socket = await target.session(token)
        sockets.push(socket)
        for (let index = 0; index < 100; index += 1) {
          const pad = `${index}-${'x'.repeat(60_000)}`
          await send(socket, subscribeMessage(String(index), padded, { roomId, pad }))
        }
      }
      await until(signal)
      for (const socket of sockets) socket?.terminate()
    },
  },
  {
    name: 'subscribe and complete without end',
    async run(target, size, signal) {
      const token = await target.token(MALLORY)
      const roomId = await bigRoom(target, token, { invitees: 1, of: 'churn' })
      const socket = await target.session(token)
      const query =
        'subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { seq room { participants { userId } } } }'
      for (let index = 0; index < scaled(10_000, size) && !signal.aborted; index += 1) {
        await send(socket, subscribeMessage(String(index), query, { roomId }))
        await send(socket, JSON.stringify({ id: String(index), type: 'complete' }))
      }
      socket?.terminate()
    },
  },
  {
    name: 'joins and signals without end',
    async run(target, size, signal) {
      const [token, other] = [await target.token(MALLORY), await target.token('accomplice')]
      const created = await target.rest(token, 'POST', '/rooms', { type: 'p2p', calleeId: 'accomplice' })
      const { id } = JSON.parse(created.body) as { id: string }
      await target.rest(token, 'POST', `/rooms/${id}/join`)
      await target.rest(other, 'POST', `/rooms/${id}/join`)
      const signalTo = `mutation { sendSignal(input: { roomId: "${id}", toId: "accomplice", type: CUSTOM, payload: {text: "${'x'.repeat(8000)}"} }) { signal { seq } } }`
      await repeat(scaled(20_000, size), signal, (index) =>
        index % 2 === 0
          ? target.graphql(token, signalTo)
          : target.rest(token, 'POST', `/rooms/${id}/join`, { deviceId: `device-${index}` }),
      )
    },
  },
]

/** A valid document, since comments do not count as tokens; different for each index. */
const comments = (index: number, lines = 80_000): string => `{me{id}}#${index}\n${'#\n'.repeat(lines)}`

async function bigRoom(
  target: Target,
  token: string,
  { invitees, of }: { invitees: number; of: string },
): Promise<string> {
  const participantIds = Array.from({ length: invitees }, (_, index) => `${of}-${index}`)
  const { body } = await target.rest(token, 'POST', '/rooms', { type: 'group', participantIds, maxParticipants: 1000 })
  return (body.startsWith('{') ? (JSON.parse(body) as { id?: string }).id : undefined) ?? ''
}

/** Calls `act` up to `count` times, `atOnce` of them concurrently. Continues after refusals. */
async function repeat(
  count: number,
  signal: AbortSignal,
  act: (index: number) => Promise<unknown>,
  atOnce = 32,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count && !signal.aborted) await act(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
}

/** Sends a message; waits while the gateway does not read. */
async function send(socket: WebSocket | null, message: string): Promise<void> {
  if (socket?.readyState !== WebSocket.OPEN) return
  socket.send(message)
  while (socket.bufferedAmount > 1 << 20 && socket.readyState === WebSocket.OPEN) await delay(1)
}
