import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { graphqlDoor, restDoor } from '../doors.ts'
import { listen } from '../sdk/people.ts'
import { OpenChatClient } from '../../src/sdk/index.ts'
import { manualClock, type ManualClock, startWorld } from '../world.ts'
import { follow, placeOf, watch } from './people.ts'

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

const call = async (): Promise<string> =>
  (await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })).body.id
const status = async (roomId: string) => (await world.bob.rest('GET', `/rooms/${roomId}`)).body

describe.each([restDoor, graphqlDoor])('a join that announces a stream ($name)', (door) => {
  it('has left when the stream does not come within the grace, and the call rings no more', async () => {
    const roomId = await call()
    const rings = follow(world, world.bob, { query: 'subscription { incomingCall { type } }' })
    await rings.next()
    const { room } = await door.join(world.alice, roomId, { deviceId: 'tab', expectStream: true })
    expect(room.participants[0]).toMatchObject({ state: 'joined', connected: true })
    clock.advance(19)
    expect(await status(roomId)).toMatchObject({ status: 'waiting' })
    clock.advance(1)
    expect(await rings.next()).toMatchObject({ type: 'CANCELLED' })
    expect(await status(roomId)).toMatchObject({ status: 'ended', endReason: 'cancelled' })
    expect(await placeOf(world, roomId, 'alice')).toMatchObject({
      state: 'left',
      leaveReason: 'disconnected',
      duration: 0,
    })
    await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  })

  it('stays when the stream has come, which then proves presence as any does', async () => {
    const roomId = await call()
    await door.join(world.alice, roomId, { deviceId: 'tab', expectStream: true })
    await door.join(world.bob, roomId)
    const [bob, alice] = [watch(world, world.bob, roomId), watch(world, world.alice, roomId, 'tab')]
    await Promise.all([bob.next(), alice.next()])
    await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
    clock.advance(40)
    alice.cut()
    expect(await bob.next()).toMatchObject({ type: 'PARTICIPANT_DISCONNECTED' })
  })
})

it('a stream of another device is not the announced one', async () => {
  const roomId = await call()
  await world.alice.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tab', expectStream: true })
  await watch(world, world.alice, roomId, 'phone').next()
  clock.advance(20)
  await expect.poll(async () => (await status(roomId)).status).toBe('ended')
})

it('a stream that was open before the join is the announced one', async () => {
  const roomId = await call()
  await watch(world, world.alice, roomId, 'tab').next()
  await world.alice.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tab', expectStream: true })
  clock.advance(20)
  await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  expect(await placeOf(world, roomId, 'alice')).toMatchObject({ state: 'joined', connected: true })
})

it('who leaves and joins without announcing a stream is not swept for the earlier session', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  await world.alice.rest('POST', `/rooms/${room.id}/join`, { expectStream: true })
  await world.alice.rest('POST', `/rooms/${room.id}/leave`)
  await world.alice.rest('POST', `/rooms/${room.id}/join`)
  clock.advance(20)
  await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  expect(await placeOf(world, room.id, 'alice')).toMatchObject({ state: 'joined', connected: true })
})

it('the node where somebody joined may be gone: another one ends the session', async () => {
  const first = await startWorld({ dependencies: { clock, databaseUrl: world.databaseUrl } })
  const roomId = await call()
  await first.alice.rest('POST', `/rooms/${roomId}/join`, { expectStream: true })
  await first.close()
  clock.advance(20)
  await expect.poll(async () => (await status(roomId)).endReason).toBe('cancelled')
})

it('a stream at another node ends the waiting', async () => {
  const second = await startWorld({ dependencies: { clock, databaseUrl: world.databaseUrl } })
  try {
    const roomId = await call()
    await world.alice.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tab', expectStream: true })
    const stream = watch(second, second.alice, roomId, 'tab')
    await stream.next()
    clock.advance(20)
    await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
    expect(await status(roomId)).toMatchObject({ status: 'waiting' })
    stream.cut()
    await expect.poll(async () => (await placeOf(world, roomId, 'alice')).connected).toBe(false)
  } finally {
    await second.close()
  }
})

it('the SDK announces its stream: a tab that closes right after the join leaves no ghost', async () => {
  const roomId = await call()
  const baseUrl = world.url
  const client = new OpenChatClient({ server: { baseUrl }, auth: { uid: 'alice', token: world.alice.token } })
  const updates = listen(client, 'roomUpdated')
  await client.rtc.joinRoom(roomId)
  await world.bob.rest('POST', `/rooms/${roomId}/join`)
  await updates.until(({ type }) => type === 'room_started')
  await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  await client.destroy()

  // What such a tab has sent before it was gone.
  const other = await call()
  const join = `mutation ($input: JoinRoomInput!) { joinRoom(input: $input) { participant { sessionId } } }`
  const input = { roomId: other, deviceId: 'tab', sessionId: 's', expectStream: true, audio: false, video: false }
  await world.alice.graphql(join, { input })
  clock.advance(20)
  await expect.poll(async () => (await status(other)).endReason).toBe('cancelled')
})
