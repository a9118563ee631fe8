import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, startWorld } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

test('a repeat with an Idempotency-Key returns 200, the same room, and Idempotent-Replayed', async () => {
  const body = { type: 'p2p', calleeId: 'bob' }
  const key = { 'Idempotency-Key': 'once-more' }
  const first = await world.alice.rest('POST', '/rooms', body, key)
  const second = await world.alice.rest('POST', '/rooms', body, key)
  expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([201, null])
  expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
  expect(second.body).toEqual(first.body)
  expect(await world.alice.rest('POST', '/rooms', { ...body, name: 'other' }, key)).toMatchObject({
    status: 409,
    body: { code: 'IDEMPOTENCY_CONFLICT' },
  })
})

test('GET /rooms pages through the rooms of the user, newest first, with filters', async () => {
  const dave = await world.person('dave')
  const ids: string[] = []
  for (const [nth, type] of ['p2p', 'group', 'p2p', 'group', 'p2p'].entries()) {
    const room = type === 'p2p' ? { type, calleeId: `callee ${nth}` } : { type }
    const { body } = await dave.rest('POST', '/rooms', room)
    ids.unshift(body.id)
  }
  await dave.rest('POST', `/rooms/${ids[0]}/end`)

  const list = async (query: string) => (await dave.rest('GET', `/rooms${query}`)).body
  const idsOf = ({ rooms }: Answer['body']) => rooms.map(({ id }: Answer['body']) => id)
  expect(idsOf(await list(''))).toEqual(ids)
  const first = await list('?first=2')
  expect([idsOf(first), first.pageInfo]).toEqual([ids.slice(0, 2), { hasNextPage: true, endCursor: ids[1] }])
  const second = await list(`?first=3&after=${first.pageInfo.endCursor}`)
  expect([idsOf(second), second.pageInfo.hasNextPage]).toEqual([ids.slice(2), false])
  expect(idsOf(await list('?status=waiting&type=p2p'))).toEqual([ids[2], ids[4]])
  for (const query of [
    '?first=0',
    '?first=101',
    '?first=x',
    '?status=odd',
    '?after=x',
    '?colour=red',
    '?type=p2p&type=group',
  ]) {
    expect(await dave.rest('GET', `/rooms${query}`)).toMatchObject({ status: 400, body: { code: 'BAD_USER_INPUT' } })
  }
})
