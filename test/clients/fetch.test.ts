import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, startWorld } from '../world.ts'
import { type Endpoint, ENDPOINTS, REQUEST_BODY, RESPONSE_BODY } from './document.ts'

/** Clients written from the published document, with `fetch` only. */

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

async function send(token: string, method: string, path: string, body?: string): Promise<Answer> {
  const response = await fetch(world.url + path, {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

/** A client that calls the six endpoints by their names in the document. */
async function clientOf(userId: string) {
  const token = await world.token(userId)
  return (name: string, id = '', body?: string): Promise<Answer> => {
    const { method, path } = ENDPOINTS.find((endpoint) => endpoint.name === name) as Endpoint
    return send(token, method, path.replace(':id', id), body)
  }
}

test('the document has six endpoints', () => {
  expect(ENDPOINTS.map(({ name }) => name)).toEqual([
    'Create Room',
    'Get Room',
    'Join Room',
    'Leave Room',
    'End Room',
    'Get Room Participants',
  ])
})

test('each endpoint answers, in the order of the table', async () => {
  const caller = await clientOf('user-001')
  let id = ''
  for (const { name } of ENDPOINTS) {
    const { status, body } = await caller(name, id, id ? undefined : REQUEST_BODY)
    expect([name, status]).toEqual([name, id ? 200 : 201])
    id ||= body.id
  }
})

test('each endpoint needs a token', async () => {
  for (const { name, method, path } of ENDPOINTS) {
    const { status, headers, body } = await send('', method, path, method === 'POST' ? REQUEST_BODY : undefined)
    expect([name, status, body.code]).toEqual([name, 401, 'UNAUTHENTICATED'])
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  }
})

test('Create Room returns the documented fields in their order, followed by further fields', async () => {
  const caller = await clientOf('user-001')
  const { status, headers, body } = await caller('Create Room', '', REQUEST_BODY)
  expect(status).toBe(201)
  // Relative to the request's address.
  expect(new URL(headers.get('location') ?? '', `${world.url}/im/api/v1/rtc/rooms`).pathname).toBe(
    `/im/api/v1/rtc/rooms/${body.id}`,
  )
  const documented = JSON.parse(RESPONSE_BODY)
  expect(Object.keys(body).slice(0, 7)).toEqual(Object.keys(documented))
  expect(body).toMatchObject({
    ...documented,
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  })
  expect((await caller('Get Room', body.id)).body).toEqual(body)
})

test('a call, from create to end', async () => {
  const [caller, callee] = [await clientOf('user-001'), await clientOf('user-002')]
  const { id } = (await caller('Create Room', '', REQUEST_BODY)).body
  expect((await caller('Join Room', id)).body.status).toBe('waiting')
  expect((await callee('Join Room', id)).body).toMatchObject({
    status: 'active',
    participant: { userId: 'user-002', role: 'callee', state: 'joined', connected: true },
    connection: { provider: 'webrtc', roomId: id, userId: 'user-002', token: null, iceServers: [] },
  })
  expect((await callee('Get Room Participants', id)).body).toMatchObject([
    { userId: 'user-001', state: 'joined' },
    { userId: 'user-002', state: 'joined' },
  ])
  expect(await caller('Leave Room', id)).toMatchObject({
    status: 200,
    body: { status: 'ended', endReason: 'completed', duration: 0 },
  })
  expect(await callee('End Room', id)).toMatchObject({ status: 200, body: { status: 'ended' } })
  expect(await callee('Join Room', id)).toMatchObject({ status: 409, body: { code: 'ROOM_ENDED' } })
})

test('a room can also be ended with PUT', async () => {
  const caller = await clientOf('user-001')
  const { id } = (await caller('Create Room', '', REQUEST_BODY)).body
  const ended = await send(await world.token('user-002'), 'PUT', `/im/api/v1/rtc/rooms/${id}/end`)
  expect(ended).toMatchObject({ status: 200, body: { status: 'ended', endReason: 'rejected' } })
})
