import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Answer,
  manualClock,
  type ManualClock,
  type Messages,
  type Person,
  startWorld,
  take,
  OPERATOR,
} from '../world.ts'

const CALLS = `subscription { incomingCall { type deviceId room {
  id callerId status endReason participants { userId state }
} } }`

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

const next = async (messages: Messages): Promise<Answer['body']> => (await take(messages, 1))[0]?.data.incomingCall
const post = async (person: Person, path: string, body?: unknown) => (await person.rest('POST', path, body)).body
const call = (callee = 'bob') => post(world.alice, '/rooms', { type: 'p2p', calleeId: callee })

/** Subscribes devices of bob to incoming calls, and waits until each has received a first call and its end. */
async function subscribedDevices(count: number): Promise<Messages[]> {
  const first = await call()
  const devices = Array.from({ length: count }, () => world.bob.subscribe(CALLS))
  for (const device of devices) expect(await next(device)).toMatchObject({ type: 'RINGING', room: { id: first.id } })
  await post(world.alice, `/rooms/${first.id}/end`)
  for (const device of devices) expect(await next(device)).toMatchObject({ type: 'CANCELLED', room: { id: first.id } })
  return devices
}

describe('a call', () => {
  test('rings on every device; when one answers, the others receive its deviceId', async () => {
    const devices = await subscribedDevices(2)
    const room = await call()
    for (const device of devices) {
      expect(await next(device)).toMatchObject({ type: 'RINGING', room: { id: room.id, callerId: 'alice' } })
    }
    await post(world.bob, `/rooms/${room.id}/join`, { deviceId: 'phone' })
    for (const device of devices) {
      expect(await next(device)).toMatchObject({ type: 'ANSWERED', deviceId: 'phone', room: { id: room.id } })
    }
  })

  test('is reported to a later subscriber while it rings, but not after it ended', async () => {
    const room = await call()
    const late = world.bob.subscribe(CALLS)
    expect(await next(late)).toMatchObject({ type: 'RINGING', room: { id: room.id } })
    await late.return?.()
    await post(world.bob, `/rooms/${room.id}/reject`)
    const again = await call()
    expect(await next(world.bob.subscribe(CALLS))).toMatchObject({ type: 'RINGING', room: { id: again.id } })
  })

  test('does not report its end to a device that did not receive its start', async () => {
    const [phone] = await subscribedDevices(1)
    const room = await call()
    expect(await next(phone as Messages)).toMatchObject({ type: 'RINGING', room: { id: room.id } })
    await post(world.bob, `/rooms/${room.id}/join`, { deviceId: 'phone' })
    expect(await next(phone as Messages)).toMatchObject({ type: 'ANSWERED', deviceId: 'phone' })
    const late = world.bob.subscribe(CALLS)
    const received = next(late)
    await world.carol.rest('GET', '/rooms')
    for (const verb of ['leave', 'end']) await post(world.alice, `/rooms/${room.id}/${verb}`)
    const other = await post(world.carol, '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect(await received).toMatchObject({ type: 'RINGING', room: { id: other.id } })
  })

  test.each([
    ['CANCELLED', 'cancelled', (room: string) => post(world.alice, `/rooms/${room}/leave`)],
    ['CANCELLED', 'cancelled', (room: string) => post(world.alice, `/rooms/${room}/end`)],
    ['REJECTED', 'rejected', (room: string) => post(world.bob, `/rooms/${room}/reject`)],
    ['REJECTED', 'busy', (room: string) => post(world.bob, `/rooms/${room}/reject`, { reason: 'busy' })],
    ['REJECTED', 'rejected', (room: string) => post(world.bob, `/rooms/${room}/leave`)],
    ['MISSED', 'missed', async () => clock.advance(45)],
  ])('stops ringing as %s when it ends as %s', async (type, endReason, end) => {
    const [device] = await subscribedDevices(1)
    const room = await call()
    await next(device as Messages)
    await end(room.id)
    expect(await next(device as Messages)).toMatchObject({ type, room: { id: room.id } })
    await expect.poll(async () => (await world.app.rooms.get(OPERATOR, room.id)).endReason).toBe(endReason)
  })

  test('does not ring for its caller or for uninvolved users', async () => {
    const streams = [world.alice, world.carol].map((person) => person.subscribe(CALLS))
    const first = streams.map((messages) => messages.next())
    await expect.poll(() => world.app.calls.size).toBe(2)
    await call()
    const group = await post(world.bob, '/rooms', { type: 'group', participantIds: ['alice', 'carol'] })
    for (const message of await Promise.all(first)) {
      expect(message.value.data.incomingCall).toMatchObject({ type: 'RINGING', room: { id: group.id } })
    }
  })
})

test('an invitation to a group rings, and stops ringing when the user is removed', async () => {
  const [device] = await subscribedDevices(1)
  const group = await post(world.alice, '/rooms', { type: 'group' })
  await post(world.alice, `/rooms/${group.id}/participants`, { userId: 'bob' })
  expect(await next(device as Messages)).toMatchObject({ type: 'RINGING', room: { id: group.id } })
  await world.alice.rest('DELETE', `/rooms/${group.id}/participants/bob`)
  expect(await next(device as Messages)).toMatchObject({ type: 'CANCELLED', room: { id: group.id } })
})

test('a subscriber is removed from the registry when it unsubscribes', async () => {
  const [device] = await subscribedDevices(1)
  await device?.return?.()
  await expect.poll(() => world.app.calls.size).toBe(0)
})

describe('one device at a time', () => {
  const UPDATES = `subscription ($roomId: ID!, $deviceId: ID) { roomUpdated(roomId: $roomId, deviceId: $deviceId) {
    type participant { userId leaveReason }
  } }`
  const typesOf = async (messages: Messages) =>
    (await take(messages, Infinity)).map((message) => message.data.roomUpdated.type)

  test('joining with another device replaces the first, whose stream completes; the call continues', async () => {
    const room = await call()
    await post(world.alice, `/rooms/${room.id}/join`)
    await post(world.bob, `/rooms/${room.id}/join`, { deviceId: 'phone' })
    const phone = world.bob.subscribe(UPDATES, { roomId: room.id })
    const tablet = world.bob.subscribe(UPDATES, { roomId: room.id, deviceId: 'tablet' })
    await Promise.all([take(phone, 1), take(tablet, 1)])
    await post(world.bob, `/rooms/${room.id}/join`, { deviceId: 'tablet' })
    expect(await typesOf(phone)).toEqual(['PARTICIPANT_LEFT'])
    expect((await take(tablet, 2)).map((message) => message.data.roomUpdated)).toEqual([
      { type: 'PARTICIPANT_LEFT', participant: { userId: 'bob', leaveReason: 'REPLACED' } },
      { type: 'PARTICIPANT_JOINED', participant: { userId: 'bob', leaveReason: null } },
    ])
    const { body } = await world.bob.rest('GET', `/rooms/${room.id}/participants`)
    expect(body[1]).toMatchObject({ userId: 'bob', state: 'joined', connected: true })
  })

  test('a removed participant receives the event, their stream completes, and they cannot return', async () => {
    const group = await post(world.alice, '/rooms', { type: 'group', participantIds: ['bob'] })
    await post(world.bob, `/rooms/${group.id}/join`)
    const messages = world.bob.subscribe(UPDATES, { roomId: group.id })
    await take(messages, 1)
    await world.alice.rest('DELETE', `/rooms/${group.id}/participants/bob`)
    expect(await typesOf(messages)).toEqual(['PARTICIPANT_REMOVED'])
    for (const [method, path] of [
      ['POST', '/join'],
      ['GET', ''],
      ['GET', '/participants'],
    ] as const) {
      const answer = await world.bob.rest(method, `/rooms/${group.id}${path}`)
      expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
    }
  })
})
