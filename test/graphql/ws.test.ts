import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPeer, type Peer, subscribe } from '../peer.ts'
import { startWorld } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const open = (protocol?: string) => openPeer(world.url, { ...(protocol && { protocol }) })
const connected = () => openPeer(world.url, { token: world.alice.token })

describe('a connection', () => {
  test.each(['authorization', 'Authorization', 'AUTHORIZATION'])('is made by the parameter %s', async (key) => {
    const peer = await open()
    peer.send({ type: 'connection_init', payload: { [key]: `Bearer ${world.alice.token}` } })
    expect(await peer.receive()).toEqual({ type: 'connection_ack' })
    peer.socket.close()
  })

  test.each([
    ['without parameters', undefined, 4401],
    ['with garbage', { authorization: 'Bearer garbage' }, 4401],
    ['with a number', { authorization: 7 }, 4401],
  ])('%s closes with 4401, which clients take as final', async (_what, payload, code) => {
    const peer = await open()
    peer.send({ type: 'connection_init', payload })
    expect(await peer.closed).toBe(code)
  })

  test('with an expired token closes with 4403, which clients answer with a fresh one', async () => {
    const peer = await open()
    const token = await world.token('alice', { ttl: -60 })
    peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    expect(await peer.closed).toBe(4403)
  })

  test('lives no longer than its token, and closes with 4403 then', async () => {
    const peer = await open()
    const token = await world.token('alice', { ttl: 2 })
    peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    expect(await peer.receive()).toEqual({ type: 'connection_ack' })
    expect(await peer.closed).toBe(4403)
  })

  test.each([
    ['operations before it is made', subscribe('1', '{ me { id } }'), 4401],
    ['something that is no message', 'hello', 4400],
    ['a message of 70 KB', `{"type": "ping", "payload": {"x": "${'x'.repeat(70_000)}"}}`, 1009],
  ])('does not take %s', async (_what, message, code) => {
    const peer = await open()
    peer.send(message)
    expect(await peer.closed).toBe(code)
  })
})

describe('a mistake in one operation leaves the socket and the other operations alone', () => {
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

test('queries and mutations are answered over the socket as over HTTP', async () => {
  const peer = await connected()
  peer.send(subscribe('1', 'mutation { createRoom(input: { type: P2P, calleeId: "alice" }) { replayed } }'))
  expect(await peer.receive()).toMatchObject({
    type: 'next',
    payload: { errors: [{ extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } }] },
  })
  peer.socket.close()
})

test('the 101st subscription of a socket is refused, the others live on', async () => {
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
  await expect.poll(() => world.app.hub.size).toBe(0)
})

test('a user may have 20 sockets; one more is told to come back, and may when another has gone', async () => {
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
