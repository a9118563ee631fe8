import { describe, expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { CreateRoom } from '../../src/rooms/input.ts'
import {
  type Answer,
  manualClock,
  type Messages,
  type Person,
  take,
  withWorld,
  type World,
  OPERATOR,
} from '../world.ts'

const CALLS = 'subscription { incomingCall { type room { id callerId } } }'
const CREATE =
  'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { replayed room { id status endReason } } }'

const user = (id: string) => ({ id, scopes: new Set<string>() })
const call = (person: Person, more: object = {}) =>
  person.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', ...more })
const nextCalls = async (messages: Messages, count: number): Promise<Answer['body'][]> =>
  (await take(messages, count)).map(({ data }) => data.incomingCall)

describe('a repeated call while the first one rings', () => {
  test('returns the first call as replayed over REST and GraphQL', () =>
    withWorld(async ({ app, alice, bob }) => {
      const ringing = bob.subscribe(CALLS)
      await expect.poll(() => app.calls.size).toBe(1)
      const first = await call(alice, { metadata: { a: 1, b: [true] } })
      const again = await call(alice, { metadata: { b: [true], a: 1 }, name: 'another name' })
      expect([first.status, again.status]).toEqual([201, 200])
      expect(again.headers.get('idempotent-replayed')).toBe('true')
      expect(again.body.id).toBe(first.body.id)
      const { body } = await alice.graphql(CREATE, {
        input: { type: 'P2P', calleeId: 'bob', metadata: { a: 1, b: [true] } },
      })
      expect(body.data.createRoom).toEqual({
        replayed: true,
        room: { id: first.body.id, status: 'WAITING', endReason: null },
      })
      await alice.rest('POST', `/rooms/${first.body.id}/end`)
      expect((await nextCalls(ringing, 2)).map(({ type }) => type)).toEqual(['RINGING', 'CANCELLED'])
    }))

  test.each([
    ['mediaType', { mediaType: 'audio' }],
    ['metadata', { metadata: { about: 'something else' } }],
    ['provider', { provider: 'livekit' }],
  ])('with a different %s cancels the first call, and only the new one rings', (_what, more) =>
    withWorld(
      async ({ alice, bob }) => {
        const first = await call(alice)
        const ringing = bob.subscribe(CALLS)
        const before = await nextCalls(ringing, 1)
        const second = await call(alice, more)
        expect(second.status).toBe(201)
        expect((await alice.rest('GET', `/rooms/${first.body.id}`)).body).toMatchObject({
          status: 'ended',
          endReason: 'cancelled',
        })
        const after = await nextCalls(ringing, 2)
        expect([...before, ...after].map(({ type, room }) => [type, room.id])).toEqual([
          ['RINGING', first.body.id],
          ['CANCELLED', first.body.id],
          ['RINGING', second.body.id],
        ])
      },
      { env: { LIVEKIT_URL: 'wss://livekit.example', LIVEKIT_API_KEY: 'key', LIVEKIT_API_SECRET: 'secret' } },
    ),
  )

  test('cancels the first call if its caller’s stream was lost', () =>
    withWorld(async ({ app, alice, bob }) => {
      const first = await call(alice)
      await alice.rest('POST', `/rooms/${first.body.id}/join`)
      const stream = alice.subscribe('subscription ($id: ID!) { roomUpdated(roomId: $id) { seq } }', {
        id: first.body.id,
      })
      await take(stream, 1)
      await stream.return?.()
      await expect
        .poll(async () => (await app.rooms.get(OPERATOR, first.body.id)).participants.at(0)?.connected, {
          timeout: 10_000,
        })
        .toBe(false)
      const second = await call(alice)
      expect(second.status).toBe(201)
      expect((await bob.rest('GET', `/rooms/${first.body.id}`)).body.endReason).toBe('cancelled')
    }))

  test('creates a new call once the first was rejected, missed or answered', async () => {
    const clock = manualClock()
    await withWorld(
      async ({ alice, bob }) => {
        const rejected = await call(alice)
        await bob.rest('POST', `/rooms/${rejected.body.id}/reject`)
        const missed = await call(alice)
        clock.advance(45)
        const answered = await call(alice)
        await bob.rest('POST', `/rooms/${answered.body.id}/join`)
        const last = await call(alice)
        expect([rejected, missed, answered, last].map(({ status }) => status)).toEqual([201, 201, 201, 201])
        const { body } = await alice.rest('GET', `/rooms/${missed.body.id}`)
        expect(body).toMatchObject({ status: 'ended', endReason: 'missed' })
      },
      { dependencies: { clock } },
    )
  })

  test('still honours idempotency keys', () =>
    withWorld(async ({ alice }) => {
      const keyed = (more: object, key: string) =>
        alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', ...more }, { 'idempotency-key': key })
      const first = await keyed({}, 'one')
      expect((await keyed({ mediaType: 'audio' }, 'one')).body.code).toBe('IDEMPOTENCY_CONFLICT')
      expect((await keyed({}, 'two')).body.id).toBe(first.body.id)
    }))
})

/** Runs a test with two nodes on one database. */
const onTwoNodes = (work: (world: World, nodes: readonly [World['app'], World['app']]) => Promise<void>) =>
  withWorld(async (world) => {
    const { app, databaseUrl } = world
    const other = createApp(app.configuration, { databaseUrl, log: app.log })
    try {
      await work(world, [app, other])
    } finally {
      await other.dispose()
    }
  })

describe('concurrent calls on two nodes', () => {
  test('40 equal calls of one caller create one room', () =>
    onTwoNodes(async ({ app }, nodes) => {
      const input = CreateRoom.parse({ type: 'p2p', calleeId: 'bob' })
      const calls = await Promise.all(
        Array.from({ length: 40 }, (_, n) => nodes[n % 2 ? 1 : 0].rooms.create(user('alice'), input)),
      )
      expect(new Set(calls.map(({ room }) => room.id)).size).toBe(1)
      expect(calls.filter(({ replayed }) => !replayed)).toHaveLength(1)
      expect(await app.prisma.room.count()).toBe(1)
    }))

  test('of 40 different calls of one caller, one rings and the others are cancelled', () =>
    onTwoNodes(async ({ app }, nodes) => {
      const rooms = await Promise.all(
        Array.from({ length: 40 }, (_, n) => {
          const input = CreateRoom.parse({ type: 'p2p', calleeId: 'bob', metadata: { n } })
          return nodes[n % 2 ? 1 : 0].rooms.create(user('alice'), input)
        }),
      )
      expect(new Set(rooms.map(({ room }) => room.id)).size).toBe(40)
      const statuses = await app.prisma.room.groupBy({
        by: ['status', 'endReason'],
        _count: true,
        orderBy: { status: 'desc' },
      })
      expect(statuses.map(({ status, endReason, _count }) => [status, endReason, _count])).toEqual([
        ['ended', 'cancelled', 39],
        ['waiting', null, 1],
      ])
    }))

  test('of 30 calls to one user, 8 ring and the others end as busy', () =>
    onTwoNodes(async (_world, nodes) => {
      const calls = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          nodes[n % 2 ? 1 : 0].rooms.create(user(`caller ${n}`), CreateRoom.parse({ type: 'p2p', calleeId: 'bob' })),
        ),
      )
      expect(calls.filter(({ room }) => room.status === 'waiting')).toHaveLength(8)
      expect(calls.filter(({ room }) => room.endReason === 'busy')).toHaveLength(22)
    }))
})

test('300 calls of one caller to one user ring once', () =>
  withWorld(
    async ({ alice, bob }) => {
      const ringing = bob.subscribe(CALLS)
      const answers = await Promise.all(Array.from({ length: 300 }, () => call(alice)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 200, 429]))
      const [first] = await nextCalls(ringing, 1)
      await alice.rest('POST', `/rooms/${first.room.id}/end`)
      expect(await nextCalls(ringing, 1)).toMatchObject([{ type: 'CANCELLED', room: { id: first.room.id } }])
    },
    { env: { RATE_LIMITS: 'on' } },
  ))
