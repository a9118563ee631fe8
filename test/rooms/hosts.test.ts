import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, manualClock, type ManualClock, startWorld, take, OPERATOR } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) {
  type actorId participant { userId } room { hostId }
} }`

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

/** A group of alice that alice, bob and carol have joined, one second apart. */
async function group(): Promise<string> {
  const { alice, bob, carol } = world
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
  for (const person of [alice, bob, carol]) {
    await person.rest('POST', `/rooms/${body.id}/join`)
    clock.advance(1)
  }
  return body.id
}
const hostOf = async (roomId: string) => (await world.bob.rest('GET', `/rooms/${roomId}`)).body.hostId

describe('the host of a group', () => {
  it('is the caller, who can transfer it; subscribers are told', async () => {
    const roomId = await group()
    const messages = world.carol.subscribe(UPDATES, { roomId })
    await take(messages, 1)
    const mutation = `mutation ($input: TransferHostInput!) {
      transferHost(input: $input) { room { hostId callerId } participant { userId role } } }`
    const { body } = await world.alice.graphql(mutation, { input: { roomId, userId: 'bob' } })
    expect(body.data.transferHost).toEqual({
      room: { hostId: 'bob', callerId: 'alice' },
      participant: { userId: 'bob', role: 'MEMBER' },
    })
    const [message] = await take(messages, 1)
    expect(message.data.roomUpdated).toEqual({
      type: 'ROOM_UPDATED',
      actorId: 'alice',
      participant: null,
      room: { hostId: 'bob' },
    })
    expect((await world.alice.rest('DELETE', `/rooms/${roomId}/participants/carol`)).body.code).toBe('FORBIDDEN')
    expect((await world.bob.rest('DELETE', `/rooms/${roomId}/participants/alice`)).status).toBe(200)
    expect((await world.bob.rest('POST', `/rooms/${roomId}/end`)).status).toBe(200)
  })

  it('becomes the participant who joined first when the host leaves', async () => {
    const roomId = await group()
    await world.bob.rest('POST', `/rooms/${roomId}/leave`)
    await world.bob.rest('POST', `/rooms/${roomId}/join`)
    await world.alice.rest('POST', `/rooms/${roomId}/leave`)
    expect(await hostOf(roomId)).toBe('carol')
    await world.alice.rest('POST', `/rooms/${roomId}/join`)
    expect(await hostOf(roomId)).toBe('carol')
    expect((await world.carol.rest('POST', `/rooms/${roomId}/participants`, { userId: 'dave' })).status).toBe(200)
  })

  it('changes when the grace of a disconnected host expires, and not before', async () => {
    const roomId = await group()
    const stream = world.alice.subscribe(UPDATES, { roomId })
    await take(stream, 1)
    await stream.return?.()
    await expect
      .poll(async () => (await world.app.rooms.get(OPERATOR, roomId)).participants.at(0)?.connected)
      .toBe(false)
    expect(await hostOf(roomId)).toBe('alice')
    clock.advance(20)
    await expect.poll(() => hostOf(roomId)).toBe('bob')
  })

  it('becomes the next participant to join if no one was joined when the host left', async () => {
    const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    await world.alice.rest('POST', `/rooms/${body.id}/join`)
    await world.alice.rest('POST', `/rooms/${body.id}/leave`)
    expect(await hostOf(body.id)).toBe('alice')
    await world.bob.rest('POST', `/rooms/${body.id}/join`)
    expect(await hostOf(body.id)).toBe('bob')
  })

  it('stays the caller until the caller has joined for the first time', async () => {
    const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    await world.bob.rest('POST', `/rooms/${body.id}/join`)
    expect(await hostOf(body.id)).toBe('alice')
  })

  it('does not change when the host changes the device', async () => {
    const roomId = await group()
    await world.alice.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'phone' })
    expect(await hostOf(roomId)).toBe('alice')
  })
})

describe('a removed participant', () => {
  it.each(['the host who removed them', 'a new host'])('can be invited again by %s, rings and joins', async (who) => {
    const roomId = await group()
    await world.alice.rest('DELETE', `/rooms/${roomId}/participants/carol`)
    expect((await world.carol.rest('POST', `/rooms/${roomId}/join`)).body.code).toBe('FORBIDDEN')
    const isAnother = who === 'a new host'
    if (isAnother) await world.alice.rest('PUT', `/rooms/${roomId}/host`, { userId: 'bob' })
    const host = isAnother ? world.bob : world.alice
    const calls = world.carol.subscribe('subscription { incomingCall { type room { id } } }')
    const ring = take(calls, 1)
    expect((await host.rest('POST', `/rooms/${roomId}/participants`, { userId: 'carol' })).body).toMatchObject({
      participant: { userId: 'carol', state: 'invited' },
    })
    expect((await ring)[0]).toMatchObject({ data: { incomingCall: { type: 'RINGING', room: { id: roomId } } } })
    expect((await world.carol.rest('POST', `/rooms/${roomId}/join`)).status).toBe(200)
    await calls.return?.()
  })
})

it('a caller who has left may be invited by the new host, is rung and may decline', async () => {
  const roomId = await group()
  await world.alice.rest('POST', `/rooms/${roomId}/leave`)
  await world.bob.rest('POST', `/rooms/${roomId}/participants`, { userId: 'alice' })
  const calls = world.alice.subscribe('subscription { incomingCall { type } }')
  const types = async () => (await take(calls, 1)).map((message: Answer['body']) => message.data.incomingCall.type)
  expect(await types()).toEqual(['RINGING'])
  expect((await world.alice.rest('POST', `/rooms/${roomId}/reject`)).status).toBe(200)
  expect(await types()).toEqual(['REJECTED'])
})

it('a p2p call has no host', async () => {
  const { body } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  expect(body.hostId).toBeNull()
  const answer = await world.alice.rest('PUT', `/rooms/${body.id}/host`, { userId: 'bob' })
  expect([answer.status, answer.body.code]).toEqual([403, 'FORBIDDEN'])
})

it('the host of an older group without a hostId is its caller', async () => {
  const roomId = await group()
  await world.app.prisma.room.update({ where: { id: roomId }, data: { hostId: null } })
  expect(await hostOf(roomId)).toBe('alice')
  expect((await world.alice.rest('PUT', `/rooms/${roomId}/host`, { userId: 'bob' })).body.hostId).toBe('bob')
})
