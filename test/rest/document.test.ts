import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, startWorld } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

/** The request body of the published document, to the letter but for the user ids, which are its own too. */
const BODY = `{
  "type": "p2p",
  "callerId": "user-001",
  "calleeId": "user-002",
  "mediaType": "video"
}`

test('the published document, from create to end, by plain fetch', async () => {
  const caller = await world.token('user-001')
  const callee = await world.token('user-002')
  const send = async (token: string, method: string, path: string, body?: string): Promise<Answer> => {
    const response = await fetch(`${world.url}/im/api/v1/rtc${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body }),
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  const created = await send(caller, 'POST', '/rooms', BODY)
  expect(created.status).toBe(201)
  expect(created.headers.get('location')).toBe(`/im/api/v1/rtc/rooms/${created.body.id}`)
  expect(Object.keys(created.body).slice(0, 7)).toEqual([
    'id',
    'type',
    'callerId',
    'calleeId',
    'mediaType',
    'status',
    'createdAt',
  ])
  expect(created.body).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    type: 'p2p',
    callerId: 'user-001',
    calleeId: 'user-002',
    mediaType: 'video',
    status: 'waiting',
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  })

  const room = `/rooms/${created.body.id}`
  expect((await send(caller, 'GET', room)).body).toEqual(created.body)
  expect((await send(caller, 'POST', `${room}/join`)).body.status).toBe('waiting')
  const joined = await send(callee, 'POST', `${room}/join`)
  expect(joined.body).toMatchObject({
    status: 'active',
    participant: { userId: 'user-002', role: 'callee', state: 'joined', connected: true },
    connection: { provider: 'webrtc', roomId: created.body.id, userId: 'user-002', token: null, iceServers: [] },
  })
  const participants = await send(callee, 'GET', `${room}/participants`)
  expect(participants.body.map(({ userId, state }: Answer['body']) => [userId, state])).toEqual([
    ['user-001', 'joined'],
    ['user-002', 'joined'],
  ])
  const left = await send(caller, 'POST', `${room}/leave`)
  expect(left).toMatchObject({ status: 200, body: { status: 'ended', endReason: 'completed', duration: 0 } })
  for (const method of ['POST', 'PUT']) {
    expect(await send(callee, method, `${room}/end`)).toMatchObject({ status: 200, body: { status: 'ended' } })
  }
  expect(await send(callee, 'POST', `${room}/join`)).toMatchObject({ status: 409, body: { code: 'ROOM_ENDED' } })
})

test('a repeat with an Idempotency-Key answers 200, the same room, and says so', async () => {
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

test('GET /rooms pages through the own rooms, newest first, by filter', async () => {
  const dave = await world.person('dave')
  const ids: string[] = []
  for (const type of ['p2p', 'group', 'p2p', 'group', 'p2p']) {
    const { body } = await dave.rest('POST', '/rooms', type === 'p2p' ? { type, calleeId: 'erin' } : { type })
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
