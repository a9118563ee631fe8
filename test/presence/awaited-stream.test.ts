import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { graphqlDoor, restDoor } from '../doors.ts'
import { listen } from '../sdk/people.ts'
import { OpenChatClient } from '../../src/sdk/index.ts'
import { manualClock, type ManualClock, startWorld } from '../world.ts'
import { follow, participantOf, watch } from './people.ts'

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
  it('ends as left if the stream is not opened within the grace, and the call stops ringing', async () => {
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
    expect(await participantOf(world, roomId, 'alice')).toMatchObject({
      state: 'left',
      leaveReason: 'disconnected',
      duration: 0,
    })
    await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  })

  it('stays if the stream is opened, and losing that stream begins a grace', async () => {
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

it('a stream of another device does not count as the announced one', async () => {
  const roomId = await call()
  await world.alice.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tab', expectStream: true })
  await watch(world, world.alice, roomId, 'phone').next()
  clock.advance(20)
  await expect.poll(async () => (await status(roomId)).status).toBe('ended')
})

it('a stream that was open before the join counts as the announced one', async () => {
  const roomId = await call()
  await watch(world, world.alice, roomId, 'tab').next()
  await world.alice.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tab', expectStream: true })
  clock.advance(20)
  await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  expect(await participantOf(world, roomId, 'alice')).toMatchObject({ state: 'joined', connected: true })
})

it('a session without an announced stream is not ended because of the stream of an earlier session', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  await world.alice.rest('POST', `/rooms/${room.id}/join`, { expectStream: true })
  await world.alice.rest('POST', `/rooms/${room.id}/leave`)
  await world.alice.rest('POST', `/rooms/${room.id}/join`)
  clock.advance(20)
  await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  expect(await participantOf(world, room.id, 'alice')).toMatchObject({ state: 'joined', connected: true })
})

it('another node ends the session if the node of the join has stopped', async () => {
  const first = await startWorld({ dependencies: { clock, databaseUrl: world.databaseUrl } })
  const roomId = await call()
  await first.alice.rest('POST', `/rooms/${roomId}/join`, { expectStream: true })
  await first.close()
  clock.advance(20)
  await expect.poll(async () => (await status(roomId)).endReason).toBe('cancelled')
})

it('a stream at another node counts as the announced one', async () => {
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
    await expect.poll(async () => (await participantOf(world, roomId, 'alice')).connected).toBe(false)
  } finally {
    await second.close()
  }
})

it('the SDK announces its stream, so a tab that closes right after the join does not stay in the room', async () => {
  const roomId = await call()
  const baseUrl = world.url
  const client = new OpenChatClient({ server: { baseUrl }, auth: { uid: 'alice', token: world.alice.token } })
  const updates = listen(client, 'roomUpdated')
  await client.rtc.joinRoom(roomId)
  await world.bob.rest('POST', `/rooms/${roomId}/join`)
  await updates.until(({ type }) => type === 'room_started')
  await expect.poll(() => world.app.prisma.awaitedStream.count()).toBe(0)
  await client.destroy()

  // The only request that such a tab sends.
  const other = await call()
  const join = `mutation ($input: JoinRoomInput!) { joinRoom(input: $input) { participant { sessionId } } }`
  const input = { roomId: other, deviceId: 'tab', sessionId: 's', expectStream: true, audio: false, video: false }
  await world.alice.graphql(join, { input })
  clock.advance(20)
  await expect.poll(async () => (await status(other)).endReason).toBe('cancelled')
})
