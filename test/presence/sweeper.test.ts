import { expect, test } from 'vitest'
import { manualClock, type Messages, take, withWorld, OPERATOR } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!) {
  roomUpdated(roomId: $roomId) { type actorId room { status endReason } participant { userId state } }
}`
const typesOf = async (messages: Messages) =>
  (await take(messages, Infinity)).map((message) => message.data.roomUpdated.type)

test('an unanswered call is missed after the ring time, and its subscribers receive the events', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ alice }) => {
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      await alice.rest('POST', `/rooms/${room.id}/join`)
      const messages = alice.subscribe(UPDATES, { roomId: room.id })
      await take(messages, 1)
      clock.advance(45)
      expect(await typesOf(messages)).toEqual(['PARTICIPANT_MISSED', 'ROOM_ENDED'])
      expect((await alice.rest('GET', `/rooms/${room.id}`)).body).toMatchObject({
        status: 'ended',
        endReason: 'missed',
      })
    },
    { dependencies: { clock } },
  )
})

test('groups that everybody has left end as empty exactly once, even if many are due', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ app, alice }) => {
      const ids = await Promise.all(
        Array.from({ length: 250 }, async () => {
          const { body: room } = await alice.rest('POST', '/rooms', { type: 'group' })
          for (const verb of ['join', 'leave']) await alice.rest('POST', `/rooms/${room.id}/${verb}`)
          return room.id as string
        }),
      )
      clock.advance(30)
      await expect.poll(() => app.prisma.room.count({ where: { status: 'ended' } }), { timeout: 15_000 }).toBe(250)
      expect(await app.prisma.roomEvent.count({ where: { type: 'room_ended', actorId: null } })).toBe(ids.length)
    },
    { dependencies: { clock } },
  )
})

test('a call ends as expired after the configured maximum duration', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ app, alice, bob }) => {
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
      clock.advance(60)
      await expect.poll(async () => (await app.rooms.get(OPERATOR, room.id)).endReason).toBe('expired')
      expect((await bob.rest('GET', `/rooms/${room.id}`)).body).toMatchObject({ duration: 60 })
    },
    { env: { MAX_DURATION: '60' }, dependencies: { clock } },
  )
})
