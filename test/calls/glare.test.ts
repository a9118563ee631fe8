import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { manualClock, withWorld, OPERATOR } from '../world.ts'

const user = (id: string) => ({ id, scopes: new Set<string>() })
const to = (calleeId: string) => CreateRoom.parse({ type: 'p2p', calleeId })

test('two users who call each other get one call: the later caller joins the room of the earlier one', async () => {
  await withWorld(async ({ alice, bob }) => {
    const earlier = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await alice.rest('POST', `/rooms/${earlier.body.id}/join`)
    const later = await bob.graphql(
      'mutation { createRoom(input: { type: P2P, calleeId: "alice" }) { replayed room { id status } } }',
    )
    expect(later.body.data.createRoom).toEqual({ replayed: true, room: { id: earlier.body.id, status: 'ACTIVE' } })
  })
})

test('the later caller is disconnected if their announced stream is not opened, and stays if they announced none', async () => {
  for (const expectStream of [true, false]) {
    for (const door of ['rest', 'graphql'] as const) {
      const clock = manualClock()
      await withWorld(
        async ({ alice, bob }) => {
          const { body: call } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
          await alice.rest('POST', `/rooms/${call.id}/join`)
          if (door === 'rest') await bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'alice', expectStream })
          else {
            const input = `{ type: P2P, calleeId: "alice", expectStream: ${expectStream} }`
            await bob.graphql(`mutation { createRoom(input: ${input}) { replayed } }`)
          }
          const read = async () => (await alice.rest('GET', `/rooms/${call.id}`)).body
          expect(await read()).toMatchObject({ status: 'active' })
          clock.advance(21)
          if (!expectStream) return expect(await read()).toMatchObject({ status: 'active' })
          await expect.poll(read).toMatchObject({ status: 'ended' })
          const { body: participants } = await alice.rest('GET', `/rooms/${call.id}/participants`)
          expect(JSON.stringify(participants)).toContain('"leaveReason":"disconnected"')
        },
        { dependencies: { clock } },
      )
    }
  }
})

test('a join by a device replaces the announced stream of the later caller', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ alice, bob }) => {
      const { body: call } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      await alice.rest('POST', `/rooms/${call.id}/join`)
      await bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'alice', expectStream: true })
      await bob.rest('POST', `/rooms/${call.id}/join`, { deviceId: 'tab' })
      clock.advance(21)
      expect((await alice.rest('GET', `/rooms/${call.id}`)).body).toMatchObject({ status: 'active' })
      const { body: participants } = await alice.rest('GET', `/rooms/${call.id}/participants`)
      expect(JSON.stringify(participants)).not.toContain('"leaveReason":"disconnected"')
    },
    { dependencies: { clock } },
  )
})

test('REST marks the response to the later caller as replayed', async () => {
  await withWorld(async ({ alice, bob }) => {
    const earlier = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    const later = await bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'alice' })
    expect([later.status, later.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
    expect(later.body.id).toBe(earlier.body.id)
  })
})

test('25 pairs who call each other concurrently on two nodes get one call per pair', async () => {
  await withWorld(async ({ app, databaseUrl }) => {
    const other = createApp(app.configuration, { databaseUrl, log: app.log })
    try {
      const pairs = Array.from({ length: 25 }, (_, index) => [`left-${index}`, `right-${index}`] as const)
      const calls = await Promise.all(
        pairs.flatMap(([left, right]) => [
          app.rooms.create(user(left), to(right)),
          other.rooms.create(user(right), to(left)),
        ]),
      )
      expect(new Set(calls.map(({ room }) => room.id)).size).toBe(25)
      expect(calls.filter(({ replayed }) => replayed)).toHaveLength(25)
      expect(await app.prisma.room.count()).toBe(25)
    } finally {
      await other.dispose()
    }
  })
})

test('calling back after a rejection or after the ring time creates a new call', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ alice, bob }) => {
      const call = () => alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      const callBack = () => bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'alice' })
      const { body: rejected } = await call()
      await bob.rest('POST', `/rooms/${rejected.id}/reject`)
      const { body: own } = await callBack()
      expect(own.callerId).toBe('bob')
      await bob.rest('POST', `/rooms/${own.id}/end`)
      await call()
      clock.advance(45)
      expect((await callBack()).body.callerId).toBe('bob')
    },
    { dependencies: { clock } },
  )
})

test('calling back ends a call whose caller’s grace has passed instead of joining it, even before it is swept', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ app, databaseUrl }) => {
      // A gateway that has not been started runs no sweeper.
      const idle = createApp(app.configuration, { databaseUrl, log: app.log, clock: manualClock(clock.now()) })
      const later = manualClock(clock.now())
      const node = createApp(app.configuration, { databaseUrl, log: app.log, clock: later })
      try {
        const { room: lost } = await idle.rooms.create(user('alice'), to('bob'))
        await idle.rooms.join(user('alice'), lost.id, JoinRoom.parse({}))
        const stream = await idle.streams.open({ actor: user('alice'), roomId: lost.id, after: undefined })
        stream.close()
        await expect
          .poll(async () => (await idle.rooms.get(OPERATOR, lost.id)).participants.at(0)?.connected)
          .toBe(false)
        later.advance(21)
        const call = await node.rooms.create(user('bob'), to('alice'))
        expect([call.replayed, call.room.callerId]).toEqual([false, 'bob'])
        expect(await node.rooms.get(OPERATOR, lost.id)).toMatchObject({ status: 'ended', endReason: 'cancelled' })
      } finally {
        await Promise.all([idle.dispose(), node.dispose()])
      }
    },
    { dependencies: { clock } },
  )
})

test('a call to a user who is in a call rings or ends as busy immediately, as configured by BUSY_POLICY', async () => {
  for (const [BUSY_POLICY, status, endReason] of [
    ['ring', 'waiting', null],
    ['reject', 'ended', 'busy'],
  ] as const) {
    await withWorld(
      async ({ alice, bob, carol, person }) => {
        const { body: call } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
        const early = await carol.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
        expect(early.body.status).toBe('waiting')
        for (const person of [alice, bob]) await person.rest('POST', `/rooms/${call.id}/join`)
        const dave = await person('dave')
        const late = await dave.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
        expect(late).toMatchObject({ status: 201, body: { status, endReason } })
      },
      { env: { BUSY_POLICY } },
    )
  }
})
