import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { manualClock, type ManualClock, startWorld, take } from '../world.ts'
import { activeCall, follow, participantOf, watch } from './people.ts'

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

describe('a participant whose device is lost', () => {
  it.each([
    ['another device', 'phone'],
    ['no device', undefined],
  ])('is not kept present by a stream with %s', async (_name, deviceId) => {
    const roomId = await activeCall(world, 'laptop')
    const [alice, laptop, other] = [
      watch(world, world.alice, roomId),
      watch(world, world.bob, roomId, 'laptop'),
      watch(world, world.bob, roomId, deviceId),
    ]
    await Promise.all([alice, laptop, other].map((stream) => stream.next()))
    laptop.cut()
    expect(await alice.next()).toMatchObject({
      type: 'PARTICIPANT_DISCONNECTED',
      participant: { userId: 'bob', connected: false },
    })
    clock.advance(20)
    expect(await alice.next()).toMatchObject({
      type: 'PARTICIPANT_LEFT',
      participant: { userId: 'bob', leaveReason: 'DISCONNECTED' },
    })
    expect(await other.until('ROOM_ENDED')).toMatchObject({ room: { endReason: 'COMPLETED' } })
  })

  it('is not reconnected by a later stream of another device or without a deviceId', async () => {
    const roomId = await activeCall(world, 'laptop')
    const [alice, laptop] = [watch(world, world.alice, roomId), watch(world, world.bob, roomId, 'laptop')]
    await Promise.all([alice.next(), laptop.next()])
    laptop.cut()
    await alice.until('PARTICIPANT_DISCONNECTED')
    for (const deviceId of ['phone', undefined]) await watch(world, world.bob, roomId, deviceId).next()
    clock.advance(20)
    expect((await alice.next()).type).toBe('PARTICIPANT_LEFT')
  })

  it('is not kept present by streams of signals and incoming calls', async () => {
    const roomId = await activeCall(world, 'laptop')
    const [alice, laptop] = [watch(world, world.alice, roomId), watch(world, world.bob, roomId, 'laptop')]
    await Promise.all([alice.next(), laptop.next()])
    const signals = follow(world, world.bob, {
      query: 'subscription ($roomId: ID!) { signals(roomId: $roomId) { seq } }',
      variables: { roomId },
    })
    const calls = follow(world, world.bob, { query: 'subscription { incomingCall { type } }' })
    const [signal, call] = [signals.next(), calls.next()]
    const input = { roomId, toId: 'bob', type: 'CUSTOM', payload: {} }
    await world.alice.graphql('mutation ($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }', {
      input,
    })
    await signal
    await world.carol.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await call
    laptop.cut()
    expect((await alice.next()).type).toBe('PARTICIPANT_DISCONNECTED')
    clock.advance(20)
    expect((await alice.next()).type).toBe('PARTICIPANT_LEFT')
  })

  it('is kept present and reconnected by another stream of the same device', async () => {
    const roomId = await activeCall(world, 'laptop')
    const alice = watch(world, world.alice, roomId)
    const streams = [watch(world, world.bob, roomId, 'laptop'), watch(world, world.bob, roomId, 'laptop')]
    await Promise.all([alice, ...streams].map((stream) => stream.next()))
    streams[0]?.cut()
    await expect.poll(() => world.app.hub.subscribers(roomId)).toBe(2)
    expect(await participantOf(world, roomId, 'bob')).toMatchObject({ connected: true })
    streams[1]?.cut()
    expect((await alice.next()).type).toBe('PARTICIPANT_DISCONNECTED')
    await watch(world, world.bob, roomId, 'laptop').next()
    expect((await alice.next()).type).toBe('PARTICIPANT_RECONNECTED')
  })
})

it('a stream that was open before the join proves presence', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  const laptop = watch(world, world.bob, room.id, 'laptop')
  await laptop.next()
  for (const person of [world.alice, world.bob]) {
    await person.rest('POST', `/rooms/${room.id}/join`, { deviceId: 'laptop' })
  }
  laptop.cut()
  await expect.poll(async () => (await participantOf(world, room.id, 'bob')).connected).toBe(false)
})

it.each(['', 'x'.repeat(129), 'nul\0'])('a stream with the deviceId %j is refused', async (deviceId) => {
  const roomId = await activeCall(world)
  const query =
    'subscription ($roomId: ID!, $deviceId: ID) { roomUpdated(roomId: $roomId, deviceId: $deviceId) { seq } }'
  const [answer] = await take(world.bob.subscribe(query, { roomId, deviceId }), 1)
  expect(answer.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', errors: [{ path: 'deviceId' }] } }])
})
