import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manualClock, type ManualClock, type Person, startWorld, withWorld } from '../world.ts'
import { codeOf, group, listen, send, sendBySocket, signalsOf } from './room.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const transports = [
  ['POST', send],
  ['WebSocket', sendBySocket],
] as const
const act = (person: Person, roomId: string, verb: string) => person.rest('POST', `/rooms/${roomId}/${verb}`)
const UNKNOWN = '01900000-0000-7000-8000-000000000000'

describe.each(transports)('over %s, a signal is refused', (_transport, signal) => {
  const code = (from: Person, roomId: string, toId: string, payload?: unknown) =>
    codeOf(signal(from, roomId, toId, payload))

  test('from and to users who are not joined: not invited, invited, left, rejected or removed', async () => {
    const { alice, bob, carol } = world
    const people = await Promise.all(['dave', 'erin', 'frank', 'grace'].map((id) => world.person(id)))
    const [dave, erin, frank, grace] = people as [Person, Person, Person, Person]
    const { body } = await alice.rest('POST', '/rooms', {
      type: 'group',
      participantIds: ['bob', 'carol', 'dave', 'erin', 'frank'],
    })
    for (const person of [alice, bob, dave, erin]) await act(person, body.id, 'join')
    await act(dave, body.id, 'leave')
    await alice.rest('DELETE', `/rooms/${body.id}/participants/erin`)
    await act(frank, body.id, 'reject')
    for (const outsider of [carol, dave, erin, frank, grace]) {
      expect([outsider.id, await code(outsider, body.id, 'bob')]).toEqual([outsider.id, 'FORBIDDEN'])
      expect([outsider.id, await code(bob, body.id, outsider.id)]).toEqual([outsider.id, 'FORBIDDEN'])
    }
    expect(await code(alice, body.id, 'bob')).toBeUndefined()
  })

  test('between rooms, even by an administrator', async () => {
    const { alice, bob, carol } = world
    const [withBob, withCarol] = [await group(world, bob), await group(world, carol)]
    expect(await code(carol, withBob, 'bob')).toBe('FORBIDDEN')
    expect(await code(bob, withBob, 'carol')).toBe('FORBIDDEN')
    expect(await code(await world.person('root', { scopes: ['rtc:admin'] }), withCarol, 'carol')).toBe('FORBIDDEN')
    expect(await code(alice, withBob, 'bob')).toBeUndefined()
  })

  test('in rooms that do not exist or have ended', async () => {
    const { alice, bob, carol } = world
    for (const roomId of [UNKNOWN, 'no-room', '']) expect(await code(alice, roomId, 'bob')).toBe('NOT_FOUND')
    const roomId = await group(world, bob)
    await act(alice, roomId, 'end')
    expect(await code(alice, roomId, 'bob')).toBe('ROOM_ENDED')
    expect(await code(carol, roomId, 'bob')).toBe('FORBIDDEN')
  })

  test('to the sender, to an invalid user id, and with a payload that is not a storable JSON object', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    for (const toId of ['alice', '', 'x'.repeat(129), 'nul\0']) {
      expect(await code(alice, roomId, toId)).toBe('BAD_USER_INPUT')
    }
    const deep = JSON.parse(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`)
    for (const payload of [null, [], 'text', 7, { 'nul\0': 1 }, { lone: '\ud800' }, deep]) {
      expect(await code(alice, roomId, 'bob', payload)).toBe('BAD_USER_INPUT')
    }
  })

  test('if its JSON exceeds 32 KiB, counted in bytes, and accepted up to that size', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    const payload = (bytes: number) => ({ x: 'x'.repeat(bytes - '{"x":""}'.length) })
    expect(await code(alice, roomId, 'bob', payload(32 * 1024))).toBeUndefined()
    expect(await code(alice, roomId, 'bob', payload(32 * 1024 + 1))).toBe('PAYLOAD_TOO_LARGE')
    expect(await code(alice, roomId, 'bob', { x: 'ü'.repeat(17_000) })).toBe('PAYLOAD_TOO_LARGE')
    expect(await signalsOf(listen(bob, roomId), 1)).toMatchObject([{ seq: 1, payload: payload(32 * 1024) }])
  })
})

test('a mailbox keeps at most 256 signals per sender, also sent concurrently; other senders are not affected', async () => {
  const clock: ManualClock = manualClock()
  await withWorld(
    async (small) => {
      const { alice, bob, carol } = small
      const roomId = await group(small, bob, carol)
      await send(alice, roomId, 'bob')
      clock.advance(20)
      const answers = await Promise.all(Array.from({ length: 300 }, (_, n) => send(alice, roomId, 'bob', { n })))
      const codes = answers.map(({ body }) => body.errors?.[0].extensions.code)
      expect(codes.filter((code) => code === undefined)).toHaveLength(255)
      expect(new Set(codes)).toEqual(new Set([undefined, 'RATE_LIMITED']))
      const { status, body } = await send(alice, roomId, 'bob')
      expect([status, body.errors[0].extensions.retryAfter]).toEqual([429, 40])
      expect((await send(carol, roomId, 'bob', {}, 'OFFER')).body.data.sendSignal.signal.seq).toBe(257)
      expect(await codeOf(send(alice, roomId, 'carol'))).toBeUndefined()

      clock.advance(40)
      expect((await send(alice, roomId, 'bob')).body.data.sendSignal.signal.seq).toBe(258)
      expect((await send(alice, roomId, 'bob')).body.errors[0].extensions).toMatchObject({ retryAfter: 20 })
      expect((await signalsOf(listen(bob, roomId), 257)).map(({ seq }) => seq)).toEqual(
        Array.from({ length: 257 }, (_, index) => index + 2),
      )
    },
    { dependencies: { clock } },
  )
})

describe('a stream of signals', () => {
  test('is refused to users who are not joined, and for rooms that do not exist or have ended', async () => {
    const { alice, bob, carol } = world
    const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    await act(alice, body.id, 'join')
    for (const outsider of [bob, carol, await world.person('root', { scopes: ['rtc:admin'] })]) {
      expect(await codeOf(listen(outsider, body.id))).toBe('FORBIDDEN')
    }
    await act(bob, body.id, 'join')
    await act(bob, body.id, 'leave')
    expect(await codeOf(listen(bob, body.id))).toBe('FORBIDDEN')
    for (const roomId of [UNKNOWN, 'no-room']) expect(await codeOf(listen(alice, roomId))).toBe('NOT_FOUND')
    await act(alice, body.id, 'end')
    expect(await codeOf(listen(alice, body.id))).toBe('ROOM_ENDED')
  })

  test.each([
    ['the room ends', (roomId: string) => act(world.alice, roomId, 'end')],
    ['they leave', (roomId: string) => act(world.bob, roomId, 'leave')],
    ['they are removed', (roomId: string) => world.alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)],
    [
      'they join from another device',
      (roomId: string) => world.bob.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tablet' }),
    ],
  ])('completes for its subscriber when %s, and not at other changes', async (_when, endMembership) => {
    const { alice, bob, carol } = world
    const roomId = await group(world, bob, carol)
    const messages = listen(bob, roomId)
    await send(alice, roomId, 'bob', { n: 1 })
    await signalsOf(messages, 1)
    await act(carol, roomId, 'leave')
    await bob.graphql(
      'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { id } } }',
      {
        input: { roomId, audio: false },
      },
    )
    await send(alice, roomId, 'bob', { n: 2 })
    expect(await signalsOf(messages, 1)).toMatchObject([{ seq: 2 }])
    await endMembership(roomId)
    expect(await signalsOf(messages)).toEqual([])
  })

  test('ends for a removed participant despite concurrent signals, and later signals are refused', async () => {
    const { alice, bob, carol } = world
    for (let round = 0; round < 10; round += 1) {
      const roomId = await group(world, bob, carol)
      const messages = listen(bob, roomId)
      await send(alice, roomId, 'bob')
      await signalsOf(messages, 1)
      const sending = Array.from({ length: 10 }, (_, n) => send(n % 2 ? alice : carol, roomId, 'bob', { n }))
      const [removal, received, ...answers] = await Promise.all([
        alice.rest('DELETE', `/rooms/${roomId}/participants/bob`),
        signalsOf(messages),
        ...sending,
      ])
      expect(removal.status).toBe(200)
      const sent = answers.filter(({ body }) => !body.errors)
      expect(received.map(({ seq }) => seq)).toEqual(received.map((_, index) => index + 2))
      expect(received.length).toBeLessThanOrEqual(sent.length)
      expect(await codeOf(send(alice, roomId, 'bob'))).toBe('FORBIDDEN')
    }
  })
})

test('signals wait for an uncommitted change of their participants, without a deadlock', async () => {
  const { alice, bob } = world
  const roomId = await group(world, bob)
  const change = new pg.Client({ connectionString: world.databaseUrl })
  await change.connect()
  const leave = (userId: string) =>
    change.query(`UPDATE "Participant" SET "state" = 'left' WHERE "roomId" = $1 AND "userId" = $2`, [roomId, userId])
  try {
    await change.query('BEGIN')
    await leave('alice')
    const sending = [send(alice, roomId, 'bob'), send(bob, roomId, 'alice')]
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    await expect.poll(async () => (await world.app.prisma.$queryRawUnsafe<unknown[]>(waiting)).length).toBe(2)
    await leave('bob')
    await change.query('COMMIT')
    for (const answer of sending) expect(await codeOf(answer)).toBe('FORBIDDEN')
  } finally {
    await change.end()
  }
})

test('a signal costs one SQL statement, plus one for a waiting subscriber', async () => {
  const statements: string[] = []
  await withWorld(
    async (counted) => {
      const { alice, bob } = counted
      const roomId = await group(counted, bob)
      await send(alice, roomId, 'bob')
      const messages = listen(bob, roomId)
      await signalsOf(messages, 1)
      statements.length = 0
      await send(alice, roomId, 'bob')
      await signalsOf(messages, 1)
      expect(statements).toHaveLength(2)
    },
    { dependencies: { onStatement: (sql) => statements.push(sql) } },
  )
})
