import { expect, test } from 'vitest'
import { JoinRoom } from '../../src/rooms/input.ts'
import { createRoomStore } from '../../src/rooms/store.ts'
import { type Answer, manualClock, type Messages, type Person, take, withWorld } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!) {
  roomUpdated(roomId: $roomId) { seq type participant { userId } participantIds room { status endReason } }
}`
const CALLS = 'subscription { incomingCall { type room { id endReason } } }'
const EVENTS = 'query ($id: ID!) { room(id: $id) { events { type subjectId subjectIds } } }'

const updates = async (messages: Messages, count: number): Promise<Answer['body'][]> =>
  (await take(messages, count)).map(({ data }) => data.roomUpdated)
const names = (count: number) => Array.from({ length: count }, (_, n) => `guest ${n}`)
const group = async (person: Person, body: object): Promise<string> =>
  (await person.rest('POST', '/rooms', { type: 'group', maxParticipants: 1000, ...body })).body.id

test('a thousand invitations that expire together share one event, which reaches every invited user', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ alice, bob }) => {
      const guests = ['bob', ...names(998)]
      const roomId = await group(alice, { participantIds: guests })
      await alice.rest('POST', `/rooms/${roomId}/join`)
      const stream = alice.subscribe(UPDATES, { roomId })
      const ringing = bob.subscribe(CALLS)
      await take(stream, 1)
      await take(ringing, 1)
      clock.advance(45)
      const [update] = await updates(stream, 1)
      expect(update).toMatchObject({ type: 'PARTICIPANT_MISSED', participant: null, room: { status: 'WAITING' } })
      expect(update.participantIds).toEqual(guests)
      expect((await take(ringing, 1))[0].data.incomingCall.type).toBe('MISSED')
      const { body } = await alice.graphql(EVENTS, { id: roomId })
      expect(body.data.room.events.map(({ type }: { type: string }) => type)).toEqual([
        'ROOM_CREATED',
        'PARTICIPANT_JOINED',
        'PARTICIPANT_MISSED',
      ])
      expect(body.data.room.events[2]).toMatchObject({ subjectId: null, subjectIds: guests })
      const people = await alice.rest('GET', `/rooms/${roomId}/participants`)
      expect(people.body.filter(({ state }: { state: string }) => state === 'missed')).toHaveLength(999)
    },
    { dependencies: { clock } },
  )
})

test('up to eight invitations that expire together have one event each', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ alice }) => {
      const roomId = await group(alice, { participantIds: names(8) })
      await alice.rest('POST', `/rooms/${roomId}/join`)
      const stream = alice.subscribe(UPDATES, { roomId })
      await take(stream, 1)
      clock.advance(45)
      const missed = await updates(stream, 8)
      expect(missed.map(({ participant, participantIds }) => [participant.userId, participantIds])).toEqual(
        names(8).map((name) => [name, [name]]),
      )
    },
    { dependencies: { clock } },
  )
})

test('many users invited by one request share one event', () =>
  withWorld(async ({ alice }) => {
    const roomId = await group(alice, {})
    const { body } = await alice.graphql(
      `mutation ($input: InviteParticipantsInput!) {
        inviteParticipants(input: $input) { room { seq } participants { userId state } }
      }`,
      { input: { roomId, userIds: [...names(99), 'guest 0'] } },
    )
    const { room, participants } = body.data.inviteParticipants
    expect(room.seq).toBe(2)
    expect(participants).toHaveLength(100)
    const events = (await alice.graphql(EVENTS, { id: roomId })).body.data.room.events
    expect(events[1]).toEqual({ type: 'PARTICIPANT_INVITED', subjectId: null, subjectIds: names(99) })
  }))

test('callers take turns when many rooms are overdue', () =>
  withWorld(async ({ app, alice, bob }) => {
    const roomsOfAlice = await Promise.all(
      Array.from({ length: 30 }, () => group(alice, { participantIds: ['carol'] })),
    )
    const roomOfBob = await group(bob, { participantIds: ['carol'] })
    const store = createRoomStore(app)
    const later = new Date(Date.now() + 60_000)
    const { rooms: claimed } = await store.claimDue(later, 10)
    expect(claimed).toHaveLength(10)
    // Rooms are swept in this order.
    expect(claimed.slice(0, 2)).toContain(roomOfBob)
    const { rooms: rest } = await store.claimDue(later, 100)
    expect([...claimed, ...rest].toSorted()).toEqual([...roomsOfAlice, roomOfBob].toSorted())
  }))

test('the event of one participant contains no data of the others', () =>
  withWorld(async ({ app, alice, bob }) => {
    const roomId = await group(alice, { participantIds: ['bob', ...names(400)], metadata: { text: 'x'.repeat(4000) } })
    await bob.rest('POST', `/rooms/${roomId}/join`)
    const [row] = await app.prisma.$queryRaw<{ bytes: number }[]>`
      SELECT max(length("data"::text))::int AS bytes FROM "RoomEvent" WHERE "roomId" = ${roomId}::uuid AND "seq" > 1`
    expect(row?.bytes).toBeLessThan(1000)
  }))

test('ten thousand users join a room with few statements, and the next one is refused', async () => {
  let statements = 0
  await withWorld(
    async ({ app, alice }) => {
      const roomId = await group(alice, { access: 'link', maxParticipants: 10_000 })
      const join = (index: number) =>
        app.rooms.join({ id: `guest ${index}`, scopes: new Set<string>() }, roomId, JoinRoom.parse({}))
      statements = 0
      for (let from = 1; from < 10_000; from += 500) {
        await Promise.all(Array.from({ length: Math.min(500, 10_000 - from) }, (_, index) => join(from + index)))
      }
      // 500 simultaneous joins take about eight statements; the bound allows as many again for background jobs.
      expect(statements).toBeLessThan(20 * 16)
      await alice.rest('POST', `/rooms/${roomId}/join`)
      await expect(join(10_000)).rejects.toMatchObject({ code: 'ROOM_FULL' })
      const room = await createRoomStore(app).load(roomId)
      expect(room?.participants.joinedCount).toBe(10_000)
      const { body } = await alice.rest('GET', `/rooms/${roomId}/participants?state=joined&first=3`)
      expect(body.map(({ userId }: { userId: string }) => userId)).toEqual(['alice', 'guest 1', 'guest 2'])
      expect((await alice.rest('POST', `/rooms/${roomId}/end`)).body).toMatchObject({ status: 'ended' })
    },
    { env: { RATE_LIMITS: 'off' }, dependencies: { onStatement: () => void (statements += 1) } },
  )
})
