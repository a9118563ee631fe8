import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, startWorld } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

test('a flood of joins waits in its own line: the owner of the room is served in between', async () => {
  const { alice, bob } = world
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', access: 'link' })
  const done: string[] = []
  const ask = async (name: string, answer: Promise<Answer>) => {
    const { status } = await answer
    done.push(name)
    return status
  }
  const flood = Array.from({ length: 200 }, (_, n) =>
    ask('bob', bob.rest('POST', `/rooms/${body.id}/join`, { deviceId: `device ${n}` })),
  )
  // The first answer says that the flood is being served.
  await Promise.race(flood)
  expect(await ask('alice', alice.rest('POST', `/rooms/${body.id}/end`))).toBe(200)
  const statuses = new Set(await Promise.all(flood))
  expect([...statuses].every((status) => [200, 409, 429].includes(status))).toBe(true)
  expect(statuses).toContain(429)
  expect(done.indexOf('alice')).toBeLessThan(done.length - 1)
})

test('a room that anybody may join takes no more than its places', async () => {
  const { app, alice, bob } = world
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', access: 'link' })
  // As a thousand visitors would have left it.
  await app.prisma.$executeRaw`
    INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "stayed")
    SELECT ${body.id}::uuid, 'visitor ' || n, n, 'member', 'left', false, false, false, 1 FROM generate_series(1, 999) n`
  const refused = await bob.rest('POST', `/rooms/${body.id}/join`)
  expect(refused).toMatchObject({ status: 409, body: { code: 'ROOM_FULL' } })
  expect((await alice.rest('POST', `/rooms/${body.id}/join`)).status).toBe(200)
})
