import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { graphqlDoor, restDoor } from '../doors.ts'
import { manualClock, type ManualClock, startWorld } from '../world.ts'
import { activeCall, participantOf, watch } from './people.ts'

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

describe.each([restDoor, graphqlDoor])('a delayed leave ($name)', (door) => {
  it('shows the participant as disconnected immediately, and as left after the delay', async () => {
    const roomId = await activeCall(world, 'tab')
    const [alice, bob] = [watch(world, world.alice, roomId), watch(world, world.bob, roomId, 'tab')]
    await Promise.all([alice.next(), bob.next()])
    clock.advance(7)
    const { sessionId } = await participantOf(world, roomId, 'bob')
    const { room } = await door.leave(world.bob, roomId, { sessionId, after: 5 })
    expect(room).toMatchObject({ status: 'active' })
    expect(await alice.next()).toMatchObject({
      type: 'PARTICIPANT_DISCONNECTED',
      actorId: 'bob',
      participant: { userId: 'bob', state: 'JOINED', connected: false },
    })
    // The page's socket closes as well, which must not change anything.
    bob.cut()
    await expect.poll(() => world.app.hub.subscribers(roomId)).toBe(1)
    clock.advance(5)
    expect(await alice.next()).toMatchObject({
      type: 'PARTICIPANT_LEFT',
      actorId: 'bob',
      participant: { leaveReason: 'LEFT', duration: 7 },
    })
    expect(await alice.next()).toMatchObject({ type: 'ROOM_ENDED', room: { endReason: 'COMPLETED', duration: 7 } })
  })

  it('is cancelled by a join with the same device', async () => {
    const roomId = await activeCall(world, 'tab')
    const alice = watch(world, world.alice, roomId)
    await alice.next()
    await door.leave(world.bob, roomId, { deviceId: 'tab', after: 5 })
    await alice.until('PARTICIPANT_DISCONNECTED')
    clock.advance(4)
    const { room } = await door.join(world.bob, roomId, { deviceId: 'tab', sessionId: 'after the reload' })
    expect(room.participants[1]).toMatchObject({ connected: true, sessionId: 'after the reload' })
    expect(await alice.next()).toMatchObject({ type: 'PARTICIPANT_RECONNECTED', participant: { connected: true } })
    clock.advance(60)
    expect((await door.get(world.bob, roomId)).room).toMatchObject({ status: 'active' })
  })

  it('is cancelled by a join with the same session, as when a page returns from the back/forward cache', async () => {
    const roomId = await activeCall(world, 'tab')
    const { sessionId } = await participantOf(world, roomId, 'bob')
    await door.leave(world.bob, roomId, { sessionId, after: 5 })
    await door.join(world.bob, roomId, { deviceId: 'tab', sessionId })
    clock.advance(60)
    expect((await door.get(world.bob, roomId)).room).toMatchObject({ status: 'active' })
  })

  it('of an earlier session has no effect', async () => {
    const roomId = await activeCall(world, 'tab')
    const { sessionId } = await participantOf(world, roomId, 'bob')
    await door.join(world.bob, roomId, { deviceId: 'tab', sessionId: 'the next page' })
    await door.leave(world.bob, roomId, { sessionId, after: 5 })
    expect(await participantOf(world, roomId, 'bob')).toMatchObject({ connected: true, sessionId: 'the next page' })
  })

  it.each([-1, 61, 1.5])('by %s seconds is refused', async (after) => {
    const roomId = await activeCall(world)
    expect(await door.leave(world.bob, roomId, { after })).toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  it('does not decline an invitation unless the delay is 0 seconds', async () => {
    const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await door.leave(world.bob, room.id, { after: 5 })
    clock.advance(5)
    expect((await door.get(world.bob, room.id)).room).toMatchObject({ status: 'waiting' })
    expect((await door.leave(world.bob, room.id, { after: 0 })).room).toMatchObject({ endReason: 'rejected' })
  })
})

it('the delay of a leave is limited to the grace, and survives a restart', async () => {
  const first = await startWorld({ dependencies: { clock, databaseUrl: world.databaseUrl } })
  const roomId = await activeCall(first)
  await first.bob.rest('POST', `/rooms/${roomId}/leave`, { after: 60 })
  await first.close()
  clock.advance(20)
  await expect.poll(async () => (await world.alice.rest('GET', `/rooms/${roomId}`)).body.status).toBe('ended')
})

it('a delayed leave is cancelled by a stream of the same device, but not of another device', async () => {
  const roomId = await activeCall(world, 'tab')
  await world.bob.rest('POST', `/rooms/${roomId}/leave`, { after: 5 })
  await watch(world, world.bob, roomId, 'phone').next()
  expect(await participantOf(world, roomId, 'bob')).toMatchObject({ connected: false })
  await watch(world, world.bob, roomId, 'tab').next()
  expect(await participantOf(world, roomId, 'bob')).toMatchObject({ connected: true })
})
