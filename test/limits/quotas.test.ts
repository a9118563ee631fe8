import { afterAll, beforeAll, expect, test } from 'vitest'
import { RtcError } from '../../src/core/errors.ts'
import { JoinRoom, UpdateParticipant } from '../../src/rooms/input.ts'
import { startWorld, withWorld } from '../world.ts'

const user = (id: string) => ({ id, scopes: new Set<string>() })

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

test('the number of a user’s queued requests for a room is bounded', async () => {
  const { app, alice } = world
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', access: 'link' })
  await alice.rest('POST', `/rooms/${body.id}/join`)
  const served: string[] = []
  const codes: string[] = []
  const settle = (name: string, work: Promise<unknown>) =>
    work.then(
      () => served.push(name),
      (error: unknown) => codes.push(error instanceof RtcError ? error.code : String(error)),
    )
  // Calls the service directly: requests over sockets do not reliably arrive in one iteration of the event loop.
  const flood = Array.from({ length: 200 }, (_, n) => {
    const input = JoinRoom.parse({ deviceId: `device ${n}` })
    return settle('bob', app.rooms.join(user('bob'), body.id, input))
  })
  await Promise.all([
    ...flood,
    settle('alice', app.rooms.update(user('alice'), body.id, UpdateParticipant.parse({ audio: true }))),
  ])
  // One request was running and 32 were queued; the others were refused at once.
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(200 - 33)
  expect(served.filter((name) => name === 'bob')).toHaveLength(33)
})

test('a flood of requests by one user delays another user by at most a few requests', async () => {
  const { app, alice } = world
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', access: 'link' })
  const served: string[] = []
  const flood = Array.from({ length: 20 }, async (_, n) => {
    await app.rooms.join(user('bob'), body.id, JoinRoom.parse({ deviceId: `device ${n}` }))
    served.push('bob')
  })
  await app.rooms.join(user('alice'), body.id, JoinRoom.parse({}))
  served.push('alice')
  await Promise.all(flood)
  expect(served.indexOf('alice')).toBeLessThanOrEqual(3)
})

test('a room with link access accepts at most 10,000 participants, even if most of them have left', async () => {
  const { app, alice, bob } = world
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', access: 'link' })
  // The rows that 9999 visitors would have left behind; the new seq invalidates the cached room.
  await app.prisma.$executeRaw`UPDATE "Room" SET "seq" = "seq" + 1 WHERE "id" = ${body.id}::uuid`
  await app.prisma.$executeRaw`
    INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "stayed")
    SELECT ${body.id}::uuid, 'visitor ' || n, n, 'member', 'left', false, false, false, 1 FROM generate_series(1, 9999) n`
  const refused = await bob.rest('POST', `/rooms/${body.id}/join`)
  expect(refused).toMatchObject({ status: 409, body: { code: 'ROOM_FULL' } })
  expect((await alice.rest('POST', `/rooms/${body.id}/join`)).status).toBe(200)
})

test('the number of a user’s live rooms is bounded over REST and GraphQL; ended rooms do not count', () =>
  withWorld(
    async ({ alice, bob }) => {
      const create = () => alice.rest('POST', '/rooms', { type: 'group' })
      const [first] = [await create(), await create()]
      const refused = await create()
      expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      const { body } = await alice.graphql('mutation { createRoom(input: { type: GROUP }) { room { id } } }')
      expect(body.errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) })
      expect((await bob.rest('POST', '/rooms', { type: 'group' })).status).toBe(201)
      await alice.rest('POST', `/rooms/${first?.body.id}/end`)
      expect((await create()).status).toBe(201)
    },
    // A bound applies even though the test world sets RATE_LIMITS=off.
    { env: { LIVE_ROOMS_MAX: '2' } },
  ))
