import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import WebSocket from 'ws'
import { openPeer, type Peer, subscribe } from '../peer.ts'
import { manualClock, startWorld } from '../world.ts'

/** Log entries of the gateway. */
const logged: { level: number; msg: string }[] = []
const log = pino(
  { level: 'debug' },
  new Writable({
    write(line: Buffer, _encoding, done) {
      logged.push(JSON.parse(line.toString()))
      done()
    },
  }),
)
const LEVEL = { debug: 20, info: 30 } as const

/** The machine may be busy. */
const PATIENCE = { timeout: 15_000 }

const clock = manualClock()
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { clock, log } })
})
afterAll(() => world.close())

const open = (protocol?: string) => openPeer(world.url, { ...(protocol && { protocol }) })
const connected = () => openPeer(world.url, { token: world.alice.token })

describe('a connection', () => {
  test.each(['authorization', 'Authorization', 'AUTHORIZATION'])('authenticates by the parameter %s', async (key) => {
    const peer = await open()
    peer.send({ type: 'connection_init', payload: { [key]: `Bearer ${world.alice.token}` } })
    expect(await peer.receive()).toEqual({ type: 'connection_ack' })
    peer.socket.close()
  })

  test.each([
    ['without parameters', undefined, 4401],
    ['with garbage', { authorization: 'Bearer garbage' }, 4401],
    ['with a number', { authorization: 7 }, 4401],
  ])('%s is closed with 4401, after which clients do not retry', async (_case, payload, code) => {
    const peer = await open()
    peer.send({ type: 'connection_init', payload })
    expect(await peer.closed).toBe(code)
  })

  test('with an expired token is closed with 4403, after which clients send a new token', async () => {
    const peer = await open()
    const token = await world.token('alice', { ttl: -60 })
    peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    expect(await peer.closed).toBe(4403)
  })

  test('is closed with 4403 when its token expires', async () => {
    const peer = await open()
    const token = await world.token('alice', { ttl: 2 })
    peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    expect(await peer.receive()).toEqual({ type: 'connection_ack' })
    // The clock tolerance is five seconds.
    clock.advance(6)
    peer.send({ type: 'ping' })
    expect(await peer.receive()).toEqual({ type: 'pong' })
    clock.advance(1)
    expect(await peer.closed).toBe(4403)
  })

  test.each([
    ['an operation before connection_init', subscribe('1', '{ me { id } }'), 4401],
    ['a malformed message', 'hello', 4400],
    ['a message of 70 KB', `{"type": "ping", "payload": {"x": "${'x'.repeat(70_000)}"}}`, 1009],
  ])('refuses %s', async (_case, message, code) => {
    const peer = await open()
    peer.send(message)
    expect(await peer.closed).toBe(code)
  })
})

describe('an invalid message of a client is logged at info or below:', () => {
  test.each([
    ['malformed JSON', '{"type":'],
    ['JSON that is not an object', '[]'],
    ['an unknown type', '{"type":"start"}'],
    ['a result', '{"id":"1","type":"next","payload":{}}'],
    ['an acknowledgement', '{"type":"connection_ack"}'],
    ['errors', '{"id":"1","type":"error","payload":[{"message":"x"}]}'],
    ['a subscription without an id', '{"type":"subscribe","payload":{"query":"{ me { id } }"}}'],
    ['a binary message', Buffer.from('{"type":"ping"}')],
  ])('%s closes with 4400', async (_what, message) => {
    const peer = await connected()
    logged.length = 0
    peer.socket.send(message)
    expect(await peer.closed).toBe(4400)
    expect(logged).toContainEqual(expect.objectContaining({ level: LEVEL.debug, code: 4400 }))
    expect(logged.filter(({ level }) => level > LEVEL.info)).toEqual([])
  })

  test('a socket without the subprotocol is closed with 4406 immediately', async () => {
    const startedAt = performance.now()
    for (const protocol of [[], ['graphql-ws']]) {
      const socket = new WebSocket(`${world.url.replace('http', 'ws')}/graphql`, protocol)
      socket.on('error', () => undefined)
      const code = await new Promise((resolve) => socket.once('close', resolve))
      // A client that offered only other subprotocols fails the handshake itself.
      expect(code).toBe(protocol.length === 0 ? 4406 : 1006)
    }
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })
})

describe('messages are handled in order', () => {
  const WATCH = 'subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { room { id } } }'
  const room = async (): Promise<string> => (await world.alice.rest('POST', '/rooms', { type: 'group' })).body.id

  test('a complete ends the earlier operation, not the next one with the same id', async () => {
    const [a, b] = [await room(), await room()]
    const peer = await connected()
    peer.send(subscribe('1', WATCH, { roomId: a }))
    peer.send({ id: '1', type: 'complete' })
    peer.send(subscribe('1', WATCH, { roomId: b }))
    expect(await peer.receive()).toMatchObject({ id: '1', payload: { data: { roomUpdated: { room: { id: b } } } } })
    await expect.poll(() => [world.app.hub.subscribers(a), world.app.hub.subscribers(b)], PATIENCE).toEqual([0, 1])
    await world.alice.rest('POST', `/rooms/${a}/join`)
    await world.alice.rest('POST', `/rooms/${b}/join`)
    expect(await peer.receive()).toMatchObject({ id: '1', payload: { data: { roomUpdated: { room: { id: b } } } } })
    peer.socket.close()
  })

  test('two hundred subscriptions that were completed immediately leave no stream behind', async () => {
    const [a, b] = [await room(), await room()]
    const peer = await connected()
    for (let count = 0; count < 200; count += 1) {
      peer.send(subscribe('1', WATCH, { roomId: a }))
      peer.send({ id: '1', type: 'complete' })
    }
    peer.send(subscribe('1', WATCH, { roomId: b }))
    expect(await peer.receive()).toMatchObject({ id: '1', payload: { data: { roomUpdated: { room: { id: b } } } } })
    await expect.poll(() => [world.app.hub.subscribers(a), world.app.hub.subscribers(b)], PATIENCE).toEqual([0, 1])
    peer.socket.close()
    await expect.poll(() => world.app.hub.subscribers(b), PATIENCE).toBe(0)
  })

  test('operations still being prepared when the socket closes leave no stream behind', async () => {
    const a = await room()
    const peer = await connected()
    for (let id = 1; id <= 50; id += 1) peer.send(subscribe(String(id), WATCH, { roomId: a }))
    peer.socket.close()
    await peer.closed
    await expect.poll(() => [world.app.hub.subscribers(a), world.app.fanOut.size], PATIENCE).toEqual([0, 0])
  })

  test('a duplicate id closes the socket with 4409, also while the first operation is being prepared', async () => {
    const peer = await connected()
    peer.send(subscribe('1', WATCH, { roomId: await room() }))
    peer.send(subscribe('1', WATCH, { roomId: await room() }))
    expect(await peer.closed).toBe(4409)
  })
})

test('limits the bytes held by operations per socket and per user', async () => {
  const { body } = await world.bob.rest('POST', '/rooms', { type: 'group' })
  const query = `subscription { roomUpdated(roomId: "${body.id}") { seq } }`
  const send = (peer: Peer, count: number) => {
    for (let id = 1; id <= count; id += 1) peer.send(subscribe(String(id), query, { unused: 'x'.repeat(60_000) }))
  }
  const codes = async (peer: Peer, count: number) => {
    const answers = []
    for (let id = 1; id <= count; id += 1) answers.push(await peer.receive())
    return answers.filter(({ type }) => type === 'error').map(({ payload }) => payload[0].extensions.code)
  }
  const peers: Peer[] = []
  for (let count = 0; count < 5; count += 1) peers.push(await openPeer(world.url, { token: world.bob.token }))
  const [first, ...others] = peers
  if (!first) throw new Error('there are five')
  send(first, 10)
  expect(await codes(first, 10)).toEqual(['RATE_LIMITED', 'RATE_LIMITED'])
  for (const peer of others) send(peer, 8)
  const refused = await Promise.all(others.map((peer) => codes(peer, 8)))
  expect(refused.flat()).toEqual(Array(6).fill('RATE_LIMITED'))
  // Completing an operation releases its bytes.
  first.send({ id: '1', type: 'complete' })
  first.send(subscribe('again', query))
  expect(await first.receive()).toMatchObject({ id: 'again', type: 'next' })
  for (const peer of peers) peer.socket.close()
})

describe('an error in one operation does not affect the socket or other operations', () => {
  test.each([
    ['a syntax error', '{ me {', 'BAD_USER_INPUT'],
    ['an unknown field', '{ me { secret } }', 'BAD_USER_INPUT'],
    ['a refusal before the stream', 'subscription { roomUpdated(roomId: "x") { seq } }', 'NOT_FOUND'],
    ['a document over the limits', `{ me { ${'id '.repeat(1000)} } }`, 'BAD_USER_INPUT'],
  ])('%s', async (_what, query, code) => {
    const peer = await connected()
    peer.send(subscribe('1', query))
    const answer = (await peer.receive()) as { type: string; payload: unknown }
    const errors = (
      answer.type === 'error' ? answer.payload : (answer.payload as { errors: unknown }).errors
    ) as object[]
    expect(errors[0]).toMatchObject({ extensions: { code } })
    if (answer.type === 'next') expect(await peer.receive()).toEqual({ id: '1', type: 'complete' })
    peer.send(subscribe('2', '{ me { id } }'))
    expect(await peer.receive()).toMatchObject({ id: '2', type: 'next', payload: { data: { me: { id: 'alice' } } } })
    peer.socket.close()
  })
})

test('answers queries and mutations over the socket like over HTTP', async () => {
  const peer = await connected()
  peer.send(subscribe('1', 'mutation { createRoom(input: { type: P2P, calleeId: "alice" }) { replayed } }'))
  expect(await peer.receive()).toMatchObject({
    type: 'next',
    payload: { errors: [{ extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } }] },
  })
  peer.socket.close()
})

test('refuses the 101st subscription of a socket and keeps the others open', async () => {
  const { body } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  const peer = await connected()
  for (let id = 1; id <= 101; id += 1) {
    peer.send(subscribe(String(id), `subscription { roomUpdated(roomId: "${body.id}") { seq } }`))
  }
  const types: Record<string, number> = {}
  for (let id = 1; id <= 101; id += 1) {
    const { type } = (await peer.receive()) as { type: string }
    types[type] = (types[type] ?? 0) + 1
  }
  expect(types).toEqual({ next: 100, error: 1 })
  peer.socket.close()
  await expect.poll(() => world.app.hub.size, PATIENCE).toBe(0)
})

test('closes the 21st socket of a user with 1013, and accepts it after another was closed', async () => {
  const carol = await world.token('carol')
  const peers: Peer[] = []
  for (let count = 0; count < 20; count += 1) peers.push(await openPeer(world.url, { token: carol }))
  const late = await open()
  late.send({ type: 'connection_init', payload: { authorization: `Bearer ${carol}` } })
  expect(await late.closed).toBe(1013)
  peers[0]?.socket.close()
  await peers[0]?.closed
  const again = await openPeer(world.url, { token: carol })
  for (const peer of [...peers, again]) peer.socket.close()
})
