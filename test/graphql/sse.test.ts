import { Client, fetchExchange } from '@urql/core'
import { type Client as SseClient, createClient, type ExecutionResult } from 'graphql-sse'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSource } from '../event-source.ts'
import { type Answer, manualClock, type Person, startWorld } from '../world.ts'

/** The machine may be busy. */
const PATIENCE = { timeout: 15_000 }

const clock = manualClock()
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { clock } })
})
afterAll(() => world.close())

const WATCH = 'subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) { seq type } }'
const room = async (): Promise<string> => (await world.alice.rest('POST', '/rooms', { type: 'group' })).body.id

const clientOf = (person: Person): SseClient =>
  createClient({ url: `${world.url}/graphql`, headers: { authorization: `Bearer ${person.token}` }, retryAttempts: 0 })

/** All results of a subscription until it completes. */
async function all(
  results: AsyncIterable<ExecutionResult<Record<string, unknown>, unknown>>,
): Promise<Answer['body'][]> {
  const received: Answer['body'][] = []
  for await (const result of results) received.push(result)
  return received
}

const open = (person: Pick<Person, 'token'>, body: unknown, headers: Record<string, string> = {}) =>
  openSource(`${world.url}/graphql`, {
    method: 'POST',
    token: person.token,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe('graphql-sse', () => {
  test('streams the events of a room until its end, and resumes after a cursor', async () => {
    const roomId = await room()
    const watching = clientOf(world.alice).iterate({ query: WATCH, variables: { roomId } })
    const first = (await watching.next()).value
    expect(first).toEqual({ data: { roomUpdated: { seq: 1, type: 'SNAPSHOT' } } })
    await world.alice.rest('POST', `/rooms/${roomId}/join`)
    await world.alice.rest('POST', `/rooms/${roomId}/end`)
    const updates = (await all(watching)).map(({ data }) => data.roomUpdated)
    expect(updates).toEqual([
      { seq: 2, type: 'PARTICIPANT_JOINED' },
      { seq: 3, type: 'ROOM_ENDED' },
    ])
    const again = await all(clientOf(world.alice).iterate({ query: WATCH, variables: { roomId, after: 2 } }))
    expect(again.map(({ data }) => data.roomUpdated.seq)).toEqual([3])
  })

  test('also executes queries and subscriptions to incoming calls', async () => {
    const bob = clientOf(world.bob)
    const ringing = bob.iterate<Answer['body']>({ query: 'subscription { incomingCall { type room { callerId } } }' })
    const next = ringing.next()
    await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect((await next).value?.data).toEqual({ incomingCall: { type: 'RINGING', room: { callerId: 'alice' } } })
    await ringing.return?.()
    expect(await all(bob.iterate({ query: '{ me { id } }' }))).toEqual([{ data: { me: { id: 'bob' } } }])
  })

  test('releases the subscriber when the client disconnects', async () => {
    const roomId = await room()
    const watching = clientOf(world.alice).iterate({ query: WATCH, variables: { roomId } })
    await watching.next()
    expect(world.app.hub.subscribers(roomId)).toBe(1)
    await watching.return?.()
    await expect.poll(() => world.app.hub.subscribers(roomId), PATIENCE).toBe(0)
  })

  test.each([
    ['a syntax error', { query: 'subscription {' }, 'BAD_USER_INPUT'],
    ['an unknown field', { query: 'subscription { colour }' }, 'BAD_USER_INPUT'],
    ['a room that is not theirs', { query: WATCH, variables: { roomId: 'x' } }, 'NOT_FOUND'],
    ['an unknown operation', { query: 'query A { me { id } }', operationName: 'B' }, 'BAD_USER_INPUT'],
  ])('answers %s with a coded error as a result, then complete', async (_case, body, code) => {
    const source = await open(world.alice, body)
    expect([source.status, source.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    const events = await source.take(3)
    expect(events.map(({ event }) => event)).toEqual(['next', 'complete'])
    expect(events[0]?.data.errors[0].extensions.code).toBe(code)
  })

  test.each([
    ['without a token', { token: '' }, '{}', {}, 401, 'UNAUTHENTICATED'],
    ['with a body that is not JSON', undefined, '{', {}, 400, 'BAD_USER_INPUT'],
    ['with a batch', undefined, '[]', {}, 400, 'BAD_USER_INPUT'],
    ['with another type of body', undefined, '{}', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ])('refuses a request %s like other transports', async (_case, person, body, headers, status, code) => {
    const source = await open(person ?? world.alice, body, headers)
    expect(source.status).toBe(status)
    expect(JSON.parse(await source.text()).errors[0].extensions.code).toBe(code)
  })

  test('counts a stream against the limit of sockets per user', async () => {
    const carol = await world.person('carol-of-many-tabs')
    const body = { query: 'subscription { incomingCall { type } }' }
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(carol, body)))
    const refused = await open(carol, body)
    expect(refused.status).toBe(429)
    expect(JSON.parse(await refused.text()).errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 5 })
    for (const stream of streams) stream.close()
    await expect.poll(() => world.app.calls.size, PATIENCE).toBe(0)
  })

  test('ends without complete when the token expires, so that the client retries with a new one', async () => {
    const roomId = await room()
    const source = await open(
      { token: await world.token('alice', { ttl: 2 }) },
      { query: WATCH, variables: { roomId } },
    )
    expect((await source.next())?.event).toBe('next')
    clock.advance(7)
    expect(await source.next()).toBeUndefined()
  })
})

test('works with urql over fetch', async () => {
  const roomId = await room()
  const client = new Client({
    url: `${world.url}/graphql`,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization: `Bearer ${world.alice.token}` } },
  })
  const seen: unknown[] = []
  const { unsubscribe } = client
    .subscription(WATCH, { roomId })
    .subscribe(({ data }) => seen.push(data?.roomUpdated.type))
  await expect.poll(() => seen, PATIENCE).toEqual(['SNAPSHOT'])
  await world.alice.rest('POST', `/rooms/${roomId}/join`)
  await expect.poll(() => seen, PATIENCE).toEqual(['SNAPSHOT', 'PARTICIPANT_JOINED'])
  // Queries are answered with JSON, although the client also accepts an event stream.
  const { data } = await client.query('{ me { id } }', {}).toPromise()
  expect(data).toEqual({ me: { id: 'alice' } })
  unsubscribe()
  await expect.poll(() => world.app.hub.subscribers(roomId), PATIENCE).toBe(0)
})
