import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { listen, startClientWorld } from './people.ts'

/** The events of a group as one participant receives them while her connection is cut repeatedly. */
describe('a lost connection', () => {
  it('loses no event: each arrives once and in order', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    const alice = await world.client('alice', { url: line.url })
    const { id, seq } = await alice.rtc.createRoom({ type: 'group', maxParticipants: 50 })
    await alice.rtc.joinRoom(id)
    const updates = listen(alice, 'roomUpdated')
    const states = listen(alice, 'connectionStateChanged')
    const seqs: number[] = []
    for (let round = 0; round < 5; round += 1) {
      line.down()
      await world.alice.rest('POST', `/rooms/${id}/participants`, { userId: `guest-${round}` })
      line.up()
      const joined = await states.until(({ of, state }) => of === 'gateway' && state === 'connected')
      expect(joined.userId).toBeNull()
      const { type, participant } = await updates.until((update) => {
        seqs.push(update.seq)
        return update.participant?.userId === `guest-${round}`
      })
      expect([type, participant?.state]).toEqual(['participant_invited', 'invited'])
    }
    const first = seqs[0] ?? 0
    expect(first).toBeGreaterThan(seq)
    expect(seqs).toEqual(seqs.map((_, index) => first + index))
    expect(seqs.length).toBeGreaterThanOrEqual(5)
  })

  it('for longer than the grace ends the session as disconnected', async () => {
    const world = await startClientWorld({ env: { DISCONNECT_GRACE: '1' } })
    const line = await world.line()
    const [alice, bob] = [await world.client('alice', { url: line.url }), await world.client('bob')]
    const [ends, leaves] = [listen(alice, 'ended'), listen(bob, 'participantLeft')]
    const { id } = await bob.rtc.createRoom({ type: 'group', userIds: ['alice'] })
    await bob.rtc.joinRoom(id)
    const updates = listen(alice, 'roomUpdated')
    await alice.rtc.joinRoom(id)
    // Wait for her stream: without one there is no grace to start.
    await bob.rtc.inviteParticipants(id, ['carol'])
    await updates.next()
    line.down()
    expect(await leaves.next()).toMatchObject({ participant: { userId: 'alice', leaveReason: 'disconnected' } })
    line.up()
    expect(await ends.next()).toMatchObject({ reason: 'disconnected', room: { status: 'active' } })
    // Restored.
    await alice.rtc.joinRoom(id)
    expect(bob.rtc.room?.id).toBe(id)
  })

  it('while a call rings: the outcome is emitted once after the reconnection', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    const [alice, bob] = [await world.client('alice'), await world.client('bob', { url: line.url })]
    const rings = listen(bob, 'incomingCall')
    const given = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(await rings.next()).toMatchObject({ type: 'ringing', room: { id: given.id } })
    line.down()
    await alice.rtc.endRoom(given.id)
    const taken = await alice.rtc.createRoom({ type: 'group', userIds: ['bob'] })
    line.up()
    const told = [await rings.next(), await rings.next()].map(({ type, room }) => [type, room.id])
    expect(told).toEqual(
      expect.arrayContaining([
        ['cancelled', given.id],
        ['ringing', taken.id],
      ]),
    )
    await bob.rtc.rejectCall(taken.id)
    expect(await rings.next()).toMatchObject({ type: 'rejected', room: { id: taken.id } })
  })

  it('while a call rings: a removal is emitted as cancelled', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    const [alice, bob] = [await world.client('alice'), await world.client('bob', { url: line.url })]
    const rings = listen(bob, 'incomingCall')
    const { id } = await alice.rtc.createRoom({ type: 'group', userIds: ['bob'] })
    expect(await rings.next()).toMatchObject({ type: 'ringing' })
    line.down()
    await alice.rtc.removeParticipant(id, 'bob')
    line.up()
    expect(await rings.next()).toMatchObject({ type: 'cancelled', room: { id } })
  })

  it('during a request: the request is retried after the reconnection', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    const alice = await world.client('alice', { url: line.url })
    line.down()
    const creating = alice.rtc.createRoom({ type: 'group', requestId: 'once' })
    line.up()
    const room = await creating
    expect(await alice.rtc.createRoom({ type: 'group', requestId: 'once' })).toMatchObject({ id: room.id })
  })
})

describe('a gateway that stops', () => {
  it('before the connection is open does not block destroy', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    line.down()
    const alice = await world.client('alice', { url: line.url })
    listen(alice, 'incomingCall')
    await alice.destroy()
    // Accepts connections and never answers.
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    try {
      const bob = await world.client('bob', { url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` })
      listen(bob, 'incomingCall')
      await bob.destroy()
    } finally {
      silent.close()
    }
  })

  it('before the first request is UNREACHABLE', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    line.down()
    const alice = await world.client('alice', { url: line.url })
    await expect(alice.rtc.listRooms()).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })
})
