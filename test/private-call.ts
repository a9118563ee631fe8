import WebSocket from 'ws'
import { openPeer, subscribe } from './peer.ts'
import { take, type World } from './world.ts'

/** Words that a client or an operator sends in confidence, each in another place. */
const PRIVATE = {
  metadata: 'private-metadata',
  roomName: 'private-room-name',
  sdp: 'v=0 private-sdp',
  candidate: 'candidate:1 private-candidate',
  connectionParameter: 'private-connection-parameter',
  query: 'private-access-token',
  variable: 'private-variable',
  literal: 'private-literal',
  body: 'private-body',
  header: 'private-header',
  closeReason: 'private-close-reason',
} as const

/** The settings of the gateway for {@link privateCall}, each with a secret. */
export const PRIVATE_ENV = {
  TURN_URLS: 'turn:turn.example:3478',
  TURN_SECRET: 'private-turn-secret',
  LIVEKIT_URL: 'wss://livekit.example',
  LIVEKIT_API_KEY: 'key',
  LIVEKIT_API_SECRET: 'private-livekit-secret-of-32-bytes-or-more',
}

/**
 * A call through every door, with errors at each, and everything in it that nobody else may read.
 *
 * @param headers - sent with the requests of one user
 * @returns words that must appear neither in the log nor in a trace
 */
export async function privateCall(world: World, headers: Record<string, string> = {}): Promise<readonly string[]> {
  const { alice, bob, carol, url } = world
  const secrets: string[] = [...Object.values(PRIVATE), alice.token, bob.token, carol.token]
  secrets.push(PRIVATE_ENV.TURN_SECRET, PRIVATE_ENV.LIVEKIT_API_SECRET)

  const { body: room } = await alice.rest(
    'POST',
    '/rooms',
    { type: 'p2p', calleeId: 'bob', name: PRIVATE.roomName, metadata: { note: PRIVATE.metadata } },
    headers,
  )
  const updates = bob.subscribe('subscription($id: ID!) { roomUpdated(roomId: $id) { seq room { metadata } } }', {
    id: room.id,
  })
  await take(updates, 1)
  const joined = [await alice.rest('POST', `/rooms/${room.id}/join`, {}), await bob.graphql(JOIN, { id: room.id })]
  secrets.push(...joined.flatMap(({ body }) => credentialsIn(body)))
  const signal = (type: string, payload: object) =>
    alice.graphql(SIGNAL, { input: { roomId: room.id, toId: 'bob', type, payload } })
  const signals = bob.subscribe('subscription($id: ID!) { signals(roomId: $id) { payload } }', { id: room.id })
  await signal('OFFER', { type: 'offer', sdp: PRIVATE.sdp })
  await take(signals, 1)
  await signal('CANDIDATE', { candidate: PRIVATE.candidate })

  const { body: group } = await carol.rest('POST', '/rooms', {
    type: 'group',
    provider: 'livekit',
    metadata: { note: PRIVATE.metadata },
  })
  secrets.push(...credentialsIn((await carol.rest('POST', `/rooms/${group.id}/join`, {})).body))

  await refusals(world, room.id)
  await refusedSockets(url, carol.token)
  await bob.rest('POST', `/rooms/${room.id}/end`, undefined, headers)
  await carol.rest('POST', `/rooms/${group.id}/end`)
  return secrets
}

const JOIN = `mutation($id: ID!) { joinRoom(input: { roomId: $id }) { connection { token iceServers { urls username credential } } } }`
const SIGNAL = 'mutation Signal($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }'

/** Requests that fail in every way, with something private in each. */
async function refusals({ alice, url }: World, roomId: string): Promise<void> {
  await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 7, metadata: PRIVATE.body })
  await alice.rest('GET', `/rooms?status=${PRIVATE.query}`)
  await alice.rest('POST', `/rooms/${roomId}/reject`, { reason: PRIVATE.body })
  await alice.graphql(`{ room(id: "${PRIVATE.literal}") { id } }`)
  await alice.graphql(`{ ${PRIVATE.literal.replaceAll('-', '_')} }`)
  await alice.graphql(SIGNAL, { input: { roomId, toId: PRIVATE.variable, type: 'OFFER', payload: PRIVATE.sdp } })
  await alice.graphql(SIGNAL, { input: PRIVATE.variable })
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/graphql`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  await post(`{"query": "${PRIVATE.body}`, { authorization: `Bearer ${alice.token}` })
  await post('{}', { authorization: `Bearer ${alice.token}x` })
  await post('{}', { authorization: PRIVATE.header, 'x-request-id': alice.token })
  await fetch(`${url}/graphql?access_token=${PRIVATE.query}&query={__typename}`)
  await fetch(`${url}/im/api/v1/rtc/rooms?access_token=${PRIVATE.query}`)
  await fetch(`${url}/no/${PRIVATE.query}`)
  await fetch(`${url}/${encodeURIComponent(PRIVATE.query)}`, { headers: { cookie: PRIVATE.header } })
}

/** Sockets that are refused, or that the client closes with a reason. */
async function refusedSockets(url: string, token: string): Promise<void> {
  const closed = async (payload: object) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql?token=${PRIVATE.query}`, 'graphql-transport-ws')
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(JSON.stringify({ type: 'connection_init', payload }))
    await new Promise((resolve) => socket.once('close', resolve))
  }
  await closed({ authorization: `Bearer ${PRIVATE.connectionParameter}` })
  await closed({ authorization: { token: PRIVATE.connectionParameter } })
  await closed({ note: PRIVATE.connectionParameter })
  const peer = await openPeer(url, { token })
  peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${PRIVATE.literal}") { seq } }`))
  await peer.receive()
  const left = new Promise((resolve) => peer.socket.once('close', resolve))
  peer.socket.close(1000, PRIVATE.closeReason)
  await left
}

/** The values of every field of a response that is a credential. */
function credentialsIn(value: unknown, name = ''): string[] {
  if (typeof value === 'string') return /^(token|credential|username)$/.test(name) ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => credentialsIn(item, Array.isArray(value) ? name : key))
}
