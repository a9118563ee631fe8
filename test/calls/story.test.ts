import { afterEach, beforeEach, expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { follow } from '../presence/people.ts'
import { type Answer, manualClock, type ManualClock, type Messages, startWorld, take, OPERATOR } from '../world.ts'

/** Complete calls, from the first ring to the history. */

const CALLS = `subscription { incomingCall { type deviceId room { id callerId } } }`
const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) {
  type participant { userId connected leaveReason } room { status endReason duration }
} }`
const HISTORY = `{ rooms(first: 1) { edges { node { id status endReason duration participants { userId duration } } } } }`

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

const next = async (messages: Messages, field: string): Promise<Answer['body']> =>
  (await take(messages, 1))[0]?.data[field]

test('a call that is answered on one of two devices and ends by a lost connection appears in both histories', async () => {
  const { alice, bob } = world
  const create = 'mutation { createRoom(input: { type: P2P, calleeId: "bob" }) { room { id } } }'
  const roomId = (await alice.graphql(create)).body.data.createRoom.room.id
  const join = 'mutation ($input: JoinRoomInput!) { joinRoom(input: $input) { room { status } } }'
  await alice.graphql(join, { input: { roomId } })

  const [phone, laptop] = [bob.subscribe(CALLS), bob.subscribe(CALLS)]
  for (const device of [phone, laptop]) {
    expect(await next(device, 'incomingCall')).toMatchObject({
      type: 'RINGING',
      room: { id: roomId, callerId: 'alice' },
    })
  }
  await bob.graphql(join, { input: { roomId, deviceId: 'phone' } })
  expect(await next(laptop, 'incomingCall')).toMatchObject({ type: 'ANSWERED', deviceId: 'phone' })

  const aliceStream = follow(world, alice, { query: UPDATES, variables: { roomId } })
  const bobStream = bob.subscribe(UPDATES, { roomId })
  expect((await aliceStream.next()).type).toBe('SNAPSHOT')
  expect((await next(bobStream, 'roomUpdated')).type).toBe('SNAPSHOT')

  clock.advance(60)
  aliceStream.cut()
  expect(await next(bobStream, 'roomUpdated')).toMatchObject({
    type: 'PARTICIPANT_DISCONNECTED',
    participant: { userId: 'alice', connected: false },
  })
  clock.advance(20)
  expect(await next(bobStream, 'roomUpdated')).toMatchObject({
    type: 'PARTICIPANT_LEFT',
    participant: { userId: 'alice', leaveReason: 'DISCONNECTED' },
  })
  expect(await next(bobStream, 'roomUpdated')).toMatchObject({
    type: 'ROOM_ENDED',
    room: { status: 'ENDED', duration: 60 },
  })
  for (const person of [alice, bob]) {
    expect((await person.graphql(HISTORY)).body.data.rooms.edges[0].node).toEqual({
      id: roomId,
      status: 'ENDED',
      endReason: 'COMPLETED',
      // The call lasted until alice's connection was lost; bob stayed until her grace ended.
      duration: 60,
      participants: [
        { userId: 'alice', duration: 60 },
        { userId: 'bob', duration: 80 },
      ],
    })
  }
})

test('a call over REST without streams is not ended by presence and appears in both histories', async () => {
  const { alice, bob } = world
  const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  await alice.rest('POST', `/rooms/${room.id}/join`)
  await bob.rest('POST', `/rooms/${room.id}/join`, { deviceId: 'phone' })
  clock.advance(80)
  await alice.rest('POST', `/rooms/${room.id}/leave`)
  for (const person of [alice, bob]) {
    const { body } = await person.rest('GET', '/rooms?first=1')
    expect(body.rooms[0]).toMatchObject({ id: room.id, status: 'ended', endReason: 'completed', duration: 80 })
    const { body: participants } = await person.rest('GET', `/rooms/${room.id}/participants`)
    expect(participants.map(({ duration }: Answer['body']) => duration)).toEqual([80, 80])
  }
})

test('after an hour of downtime, every passed deadline is applied exactly once per room', async () => {
  const user = (id: string) => ({ id, scopes: new Set<string>() })
  const node = () => createApp(world.app.configuration, { databaseUrl: world.databaseUrl, log: world.app.log, clock })
  await world.app.dispose()

  const before = node()
  const calls = await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      before.rooms.create(user('alice'), CreateRoom.parse({ type: 'p2p', calleeId: `user-${index}` })),
    ),
  )
  const { room: group } = await before.rooms.create(user('alice'), CreateRoom.parse({ type: 'group' }))
  await before.rooms.join(user('alice'), group.id, JoinRoom.parse({}))
  await before.rooms.leave(user('alice'), group.id)
  await before.dispose()

  clock.advance(3600)
  const nodes = [node(), node()]
  try {
    await Promise.all(nodes.map((app) => app.start()))
    const [after] = nodes
    await expect.poll(() => after?.prisma.room.count({ where: { status: 'ended' } })).toBe(31)
    expect(await after?.prisma.room.count({ where: { endReason: 'missed' } })).toBe(calls.length)
    expect(await after?.prisma.roomEvent.count({ where: { type: 'room_ended' } })).toBe(31)
    expect((await after?.rooms.get(OPERATOR, group.id))?.endReason).toBe('empty')
  } finally {
    await Promise.all(nodes.map((app) => app.dispose()))
  }
})
