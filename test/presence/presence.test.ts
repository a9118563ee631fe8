import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createApp } from '../../src/app.ts'
import { createGatewayServer } from '../../src/server.ts'
import { manualClock, type ManualClock, OPERATOR, startWorld, take } from '../world.ts'
import { activeCall, watch } from './people.ts'

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

const participant = async (roomId: string, userId: string) =>
  (await world.app.rooms.get(OPERATOR, roomId)).participants.find((row) => row.userId === userId)

describe('a participant whose socket is lost', () => {
  test('is present again with the next stream, even if it opens while the loss is being written', async () => {
    const roomId = await activeCall(world)
    let stream = watch(world, world.alice, roomId)
    await stream.next()
    for (let round = 0; round < 20; round += 1) {
      const next = watch(world, world.alice, roomId)
      const opened = next.next()
      // Varies the delay, so that in some rounds the loss is written while the next stream opens.
      for (let wait = 0; wait < round; wait += 1) await new Promise(setImmediate)
      stream.cut()
      await opened
      await expect.poll(async () => (await participant(roomId, 'alice'))?.connected).toBe(true)
      stream = next
    }
    await stream.done()
  })

  test('is shown as disconnected immediately, and as left after the grace', async () => {
    const roomId = await activeCall(world)
    const [alice, bob] = [watch(world, world.alice, roomId), watch(world, world.bob, roomId)]
    await Promise.all([alice.next(), bob.next()])
    alice.cut()
    expect(await bob.next()).toMatchObject({
      type: 'PARTICIPANT_DISCONNECTED',
      participant: { userId: 'alice', state: 'JOINED', connected: false },
    })
    clock.advance(20)
    expect(await bob.next()).toMatchObject({
      type: 'PARTICIPANT_LEFT',
      actorId: null,
      participant: { userId: 'alice', leaveReason: 'DISCONNECTED' },
    })
    expect(await bob.next()).toMatchObject({ type: 'ROOM_ENDED', room: { status: 'ENDED', endReason: 'COMPLETED' } })
  })

  test('is reconnected by a stream within the grace, and stays', async () => {
    const roomId = await activeCall(world)
    const [alice, bob] = [watch(world, world.alice, roomId), watch(world, world.bob, roomId)]
    await Promise.all([alice.next(), bob.next()])
    alice.cut()
    expect((await bob.next()).type).toBe('PARTICIPANT_DISCONNECTED')
    clock.advance(19)
    const resumed = watch(world, world.alice, roomId)
    expect((await resumed.next()).type).toBe('SNAPSHOT')
    expect(await bob.next()).toMatchObject({ type: 'PARTICIPANT_RECONNECTED', participant: { connected: true } })
    clock.advance(60)
    await world.bob.rest('POST', `/rooms/${roomId}/leave`)
    expect((await bob.next()).type).toBe('PARTICIPANT_LEFT')
    await resumed.done()
  })

  test('is present as long as one of their streams is open', async () => {
    const roomId = await activeCall(world)
    const streams = [watch(world, world.alice, roomId), watch(world, world.alice, roomId)]
    await Promise.all(streams.map((stream) => stream.next()))
    streams[0]?.cut()
    await expect.poll(() => world.app.prisma.lease.count()).toBe(1)
    expect((await participant(roomId, 'alice'))?.connected).toBe(true)
    streams[1]?.cut()
    await expect.poll(async () => (await participant(roomId, 'alice'))?.connected).toBe(false)
    await expect.poll(() => world.app.prisma.lease.count()).toBe(0)
  })
})

test('a participant who never opened a stream is not disconnected', async () => {
  const roomId = await activeCall(world)
  clock.advance(3600)
  expect(await world.bob.rest('GET', `/rooms/${roomId}`)).toMatchObject({ body: { status: 'active' } })
  expect((await participant(roomId, 'alice'))?.connected).toBe(true)
})

test('a stream that fails to open leaves no lease behind', async () => {
  const roomId = await activeCall(world)
  const lost = watch(world, world.alice, roomId)
  await lost.next()
  lost.cut()
  await expect.poll(async () => (await participant(roomId, 'alice'))?.connected).toBe(false)
  await expect.poll(() => world.app.prisma.lease.count()).toBe(0)
  // Without this table, rooms can be read and leases written, but nothing can be committed.
  await world.app.prisma.$executeRaw`ALTER TABLE "RoomEvent" RENAME TO "Hidden"`
  const [answer] = await take(world.alice.subscribe(`subscription { roomUpdated(roomId: "${roomId}") { seq } }`), 1)
  expect(answer).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL' } }] })
  await world.app.prisma.$executeRaw`ALTER TABLE "Hidden" RENAME TO "RoomEvent"`
  await expect.poll(() => world.app.prisma.lease.count()).toBe(0)
})

test('a stream that ends with its room leaves no lease behind', async () => {
  const roomId = await activeCall(world)
  const alice = watch(world, world.alice, roomId)
  await alice.next()
  await world.bob.rest('POST', `/rooms/${roomId}/leave`)
  expect((await alice.next()).type).toBe('PARTICIPANT_LEFT')
  expect((await alice.next()).type).toBe('ROOM_ENDED')
  await expect.poll(() => world.app.prisma.lease.count()).toBe(0)
})

test('a stream at any node keeps the participant present', async () => {
  const other = createApp(world.app.configuration, { databaseUrl: world.databaseUrl, log: world.app.log, clock })
  await other.start()
  const server = createGatewayServer(other)
  await server.listen()
  try {
    const roomId = await activeCall(world)
    const [here, there] = [watch(world, world.alice, roomId), watch(server, world.alice, roomId)]
    await Promise.all([here.next(), there.next()])
    here.cut()
    await expect.poll(() => world.app.prisma.lease.count()).toBe(1)
    expect((await participant(roomId, 'alice'))?.connected).toBe(true)
    there.cut()
    await expect.poll(async () => (await participant(roomId, 'alice'))?.connected).toBe(false)
  } finally {
    await server.close()
    await other.dispose()
  }
})

test('a live node disconnects the participants of a dead node', async () => {
  const roomId = await activeCall(world)
  const nodeId = '01900000-0000-7000-8000-00000000dead'
  await world.app.prisma.$executeRaw`INSERT INTO "Lease" VALUES (${roomId}::uuid, 'alice', ${nodeId}::uuid)`
  await expect.poll(async () => (await participant(roomId, 'alice'))?.connected, { timeout: 10_000 }).toBe(false)
  await expect.poll(() => world.app.prisma.lease.count()).toBe(0)
})

test('a gateway that stops closes its sockets with 1012', async () => {
  const second = await startWorld({ dependencies: { clock } })
  const { body } = await second.alice.rest('POST', '/rooms', { type: 'group' })
  await second.alice.rest('POST', `/rooms/${body.id}/join`)
  const socket = new WebSocket(`${second.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${second.alice.token}` } }))
  await once(socket, 'message')
  const query = `subscription { roomUpdated(roomId: "${body.id}") { seq } }`
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
  await once(socket, 'message')
  const closed = once(socket, 'close')
  await second.close()
  expect((await closed)[0]).toBe(1012)
})
