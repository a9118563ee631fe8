import { describe, expect, it } from 'vitest'
import { listen, startClientWorld } from './people.ts'

describe('a call', () => {
  it('rings, is answered, and ends for both', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const [rings, joins, ends] = [
      listen(bob, 'incomingCall'),
      listen(alice, 'participantJoined'),
      listen(alice, 'ended'),
    ]
    const room = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob', metadata: { topic: 'lunch' } })
    expect(room).toMatchObject({ type: 'p2p', callerId: 'alice', calleeId: 'bob', status: 'waiting' })
    expect(room).toMatchObject({ mediaType: 'video', provider: 'webrtc', metadata: { topic: 'lunch' } })
    await alice.rtc.joinRoom(room.id)
    const { type, room: ringing } = await rings.next()
    expect([type, ringing.id]).toEqual(['ringing', room.id])

    expect(await bob.rtc.joinRoom(ringing.id)).toMatchObject({ status: 'active' })
    expect(await rings.next()).toMatchObject({ type: 'answered' })
    expect(await joins.next()).toMatchObject({ participant: { userId: 'bob', audio: false, video: false } })

    expect(await bob.rtc.leaveRoom()).toMatchObject({ status: 'ended', endReason: 'completed' })
    expect(await ends.next()).toMatchObject({ reason: 'completed', room: { id: room.id, status: 'ended' } })
    expect([alice.rtc.room, bob.rtc.room]).toEqual([undefined, undefined])
  })

  it('says whether it has got to a device of the callee', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const updates = listen(alice, 'participantUpdated')
    const { id, reach } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(reach).toBe('none')
    await alice.rtc.joinRoom(id)
    listen(bob, 'incomingCall')
    const { participant } = await updates.until(({ participant: { userId } }) => userId === 'bob')
    expect(participant).toMatchObject({ state: 'invited', reach: 'connected' })
    expect(alice.rtc.room?.reach).toBe('connected')
  })

  it('is refused with CALLEE_OFFLINE where calls to nobody are not allowed', async () => {
    const world = await startClientWorld({ env: { RING_OFFLINE: 'fail' } })
    const alice = await world.client('alice')
    const call = alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await expect(call).rejects.toMatchObject({ code: 'CALLEE_OFFLINE' })
  })

  it('is reused when created again, and does not ring for a callee who blocked the caller', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const first = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect((await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })).id).toBe(first.id)
    await alice.rtc.endRoom(first.id)
    await bob.rtc.blockUser('alice')
    expect(await bob.rtc.blockedUsers()).toEqual(['alice'])
    await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    const rings = listen(bob, 'incomingCall')
    const carol = await world.client('carol')
    const audible = await carol.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(await rings.next()).toMatchObject({ type: 'ringing', room: { id: audible.id } })
    await bob.rtc.unblockUser('alice')
    expect(await bob.rtc.blockedUsers()).toEqual([])
  })

  it('ends as rejected for the caller when the callee declines', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const ends = listen(alice, 'ended')
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await alice.rtc.joinRoom(id)
    expect(await bob.rtc.rejectCall(id)).toMatchObject({ endReason: 'rejected' })
    expect(await ends.next()).toMatchObject({ reason: 'rejected' })
  })

  it('ends for a participant who is removed or replaced, and only for them', async () => {
    const world = await startClientWorld()
    const [alice, bob, other] = [await world.client('alice'), await world.client('bob'), await world.client('bob')]
    const [ends, otherEnds] = [listen(bob, 'ended'), listen(other, 'ended')]
    const { id } = await alice.rtc.createRoom({ type: 'group', userIds: ['bob', 'carol'] })
    await alice.rtc.joinRoom(id)
    await bob.rtc.joinRoom(id)
    await other.rtc.joinRoom(id)
    expect(await ends.next()).toMatchObject({ reason: 'replaced', room: { status: 'active' } })
    await alice.rtc.removeParticipant(id, 'bob')
    expect(await otherEnds.next()).toMatchObject({ reason: 'removed' })
    // Each client has a stream of its own: alice may receive the removal after bob.
    await expect
      .poll(() => alice.rtc.room?.participants.map(({ userId, state }) => [userId, state]))
      .toEqual([
        ['alice', 'joined'],
        ['bob', 'removed'],
        ['carol', 'invited'],
      ])
  })

  it('of a group can be handed to another host, who receives the event', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const updates = listen(bob, 'roomUpdated')
    const { id, hostId } = await alice.rtc.createRoom({ type: 'group', userIds: ['bob', 'carol'] })
    expect(hostId).toBe('alice')
    await alice.rtc.joinRoom(id)
    await bob.rtc.joinRoom(id)
    expect(await alice.rtc.transferHost(id, 'bob')).toMatchObject({ hostId: 'bob', callerId: 'alice' })
    expect(await updates.until(({ type }) => type === 'room_updated')).toMatchObject({ room: { hostId: 'bob' } })
    await expect(alice.rtc.transferHost(id, 'alice')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(bob.rtc.transferHost(id, 'carol')).rejects.toMatchObject({ code: 'CONFLICT' })
    await bob.rtc.removeParticipant(id, 'carol')
    const room = await bob.rtc.inviteParticipants(id, ['carol'])
    expect(room.participants[2]).toMatchObject({ userId: 'carol', state: 'invited' })
    await bob.rtc.leaveRoom()
    await expect.poll(() => alice.rtc.room?.hostId).toBe('alice')
  })

  it('continues when another device of a participant takes it over', async () => {
    const world = await startClientWorld()
    const [alice, bob, other] = [await world.client('alice'), await world.client('bob'), await world.client('bob')]
    const ends = listen(bob, 'ended')
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await alice.rtc.joinRoom(id)
    await bob.rtc.joinRoom(id)
    await other.rtc.joinRoom(id)
    expect(await ends.next()).toMatchObject({ reason: 'replaced', room: { status: 'active' } })
    expect([bob.rtc.room, other.rtc.room?.id]).toEqual([undefined, id])
  })

  it('can be read before, during and after', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const first = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob', mediaType: 'audio' })
    await alice.rtc.endRoom(first.id)
    const second = await alice.rtc.createRoom({ type: 'group', userIds: ['bob'], name: 'Stand-up' })
    await alice.rtc.inviteParticipants(second.id, ['carol'])
    expect(await bob.rtc.getRoom(second.id)).toMatchObject({ name: 'Stand-up', status: 'waiting' })
    expect((await bob.rtc.getParticipants(second.id)).map(({ userId }) => userId)).toEqual(['alice', 'bob', 'carol'])
    const page = await bob.rtc.listRooms({ first: 1 })
    expect(page).toMatchObject({ rooms: [{ id: second.id }], hasNextPage: true, endCursor: second.id })
    expect(await bob.rtc.listRooms({ after: second.id })).toMatchObject({
      rooms: [{ id: first.id }],
      hasNextPage: false,
    })
    expect((await bob.rtc.listRooms({ status: 'ended', peer: 'alice' })).rooms.map(({ id }) => id)).toEqual([first.id])
  })

  it('has as many seats as the largest mesh when the client uses webrtc', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    await alice.rtc.init({ provider: 'webrtc' })
    expect(await alice.rtc.createRoom({ type: 'group' })).toMatchObject({ maxParticipants: 6, provider: 'webrtc' })
    expect(await alice.rtc.createRoom({ type: 'group', maxParticipants: 3 })).toMatchObject({ maxParticipants: 3 })
  })
})
