import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld } from '../world.ts'
import { group, listen, send, sendBySocket, signalsOf } from './room.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

test('a signal is delivered unchanged to its addressee, and the sender receives its seq', async () => {
  const { alice, bob } = world
  const roomId = await group(world, bob)
  const messages = listen(bob, roomId)
  const sdp = { sdp: 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n', nested: [{ mid: '0', n: 1.5, no: null, ü: '🦜' }] }
  const { status, body } = await send(alice, roomId, 'bob', sdp, 'OFFER')
  expect(status).toBe(200)
  const { signal } = body.data.sendSignal
  expect(signal).toMatchObject({ seq: 1, roomId, fromId: 'alice', toId: 'bob', type: 'OFFER', payload: sdp })
  expect(await signalsOf(messages, 1)).toEqual([signal])

  for (const type of ['ANSWER', 'CANDIDATE', 'CUSTOM']) await send(alice, roomId, 'bob', {}, type)
  expect((await signalsOf(messages, 3)).map(({ seq, type }) => [seq, type])).toEqual([
    [2, 'ANSWER'],
    [3, 'CANDIDATE'],
    [4, 'CUSTOM'],
  ])
})

test('a signal is delivered to its addressee only, and each addressee has their own sequence of numbers', async () => {
  const { alice, bob, carol } = world
  const roomId = await group(world, bob, carol)
  const [forAlice, forBob, forCarol] = [alice, bob, carol].map((person) => listen(person, roomId))
  await send(alice, roomId, 'bob', { secret: 1 })
  await send(alice, roomId, 'bob', { secret: 2 })
  await send(bob, roomId, 'carol', { word: 1 })
  await send(carol, roomId, 'alice', { word: 2 })
  await alice.rest('POST', `/rooms/${roomId}/end`)
  const received = await Promise.all([forAlice, forBob, forCarol].map((messages) => signalsOf(messages ?? never())))
  expect(received.map((signals) => signals.map(({ seq, fromId, payload }) => [seq, fromId, payload]))).toEqual([
    [[1, 'carol', { word: 2 }]],
    [
      [1, 'alice', { secret: 1 }],
      [2, 'alice', { secret: 2 }],
    ],
    [[1, 'bob', { word: 1 }]],
  ])
})

test('every subscribed device of the addressee receives signals sent over HTTP and WebSocket', async () => {
  const { alice, bob } = world
  const roomId = await group(world, bob)
  const streams = [listen(bob, roomId), listen(bob, roomId)]
  await send(alice, roomId, 'bob', { by: 'post' })
  await sendBySocket(alice, roomId, 'bob', { by: 'socket' })
  for (const messages of streams) {
    expect((await signalsOf(messages, 2)).map(({ payload }) => payload.by)).toEqual(['post', 'socket'])
  }
})

test('signals of two concurrent senders are neither lost, repeated nor reordered, stored or live', async () => {
  const { alice, bob, carol } = world
  const roomId = await group(world, bob, carol)
  const flood = async (from: typeof alice) => {
    for (let n = 1; n <= 100; n += 1) await send(from, roomId, 'bob', { n })
  }
  const floods = Promise.all([flood(alice), flood(carol)])
  const early = listen(bob, roomId)
  const head = await signalsOf(early, 50)
  const late = listen(bob, roomId)
  const [first, second] = await Promise.all([signalsOf(early, 150), signalsOf(late, 200), floods])
  const all = [...head, ...first]
  expect(second).toEqual(all)
  expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1))
  for (const from of ['alice', 'carol']) {
    const numbers = all.filter(({ fromId }) => fromId === from).map(({ payload }) => payload.n)
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  }
})

test('50 concurrent signals to one mailbox get consecutive numbers', async () => {
  const { alice, bob } = world
  const roomId = await group(world, bob)
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => send(alice, roomId, 'bob', { n })))
  const numbers = answers.map(({ body }) => body.data.sendSignal.signal.seq as number)
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
  const read = await signalsOf(listen(bob, roomId), 50)
  expect(read.map(({ payload }) => numbers[payload.n])).toEqual(read.map(({ seq }) => seq))
})

test('a subscriber is removed from the registry when it unsubscribes', async () => {
  const { alice, bob } = world
  const roomId = await group(world, bob)
  const before = world.app.signals.size
  const messages = listen(bob, roomId)
  await send(alice, roomId, 'bob')
  await signalsOf(messages, 1)
  expect(world.app.signals.size).toBe(before + 1)
  await messages.return?.()
  await expect.poll(() => world.app.signals.size).toBe(before)
})

function never(): never {
  throw new Error('unreachable')
}
