import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import type { Facts, Observer } from '../src/core/observer.ts'
import { manualClock, startWorld, take, withWorld } from './world.ts'

/** An observer that keeps the facts of some names, newest last. */
function recorder<Name extends keyof Facts>(...names: readonly Name[]) {
  const facts: { name: Name; fact: Facts[Name] }[] = []
  const handlers = names.map((name) => [name, (fact: Facts[Name]) => void facts.push({ name, fact: { ...fact } })])
  return {
    observer: Object.fromEntries(handlers) as Observer,
    of: <Wanted extends Name>(wanted: Wanted) =>
      facts.filter(({ name }) => name === wanted).map(({ fact }) => fact as Facts[Wanted]),
  }
}

const facts = recorder(
  'request',
  'socketOpened',
  'socketReady',
  'socketClosed',
  'tokenRefused',
  'operation',
  'subscriptionOpened',
  'subscriptionClosed',
  'streamResumed',
  'command',
  'commit',
  'roomEnded',
  'callAnswered',
  'delivery',
  'job',
  'noticesSent',
  'noticesReturned',
  'busConnected',
)
/** The sweeper searches every half second. */
const WAIT = { timeout: 5_000 }

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { observer: facts.observer } })
})
afterAll(() => world.close())

const call = () => world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })

describe('a request', () => {
  test('is reported with its route, not its path, and with its user, size and id', async () => {
    const { body } = await call()
    const { headers } = await world.alice.rest('GET', `/rooms/${body.id}`, undefined, { 'x-request-id': 'mine:1' })
    expect(headers.get('x-request-id')).toBe('mine:1')
    await vi.waitFor(() =>
      expect(facts.of('request').at(-1)).toMatchObject({
        context: { id: 'mine:1' },
        method: 'GET',
        route: '/im/api/v1/rtc/rooms/:id',
        status: 200,
        userId: 'alice',
        errorCode: undefined,
        requestBytes: 0,
        responseBytes: Number(headers.get('content-length')),
      }),
    )
    const post = facts.of('request').find(({ route }) => route === '/im/api/v1/rtc/rooms')
    expect(post).toMatchObject({ method: 'POST', status: 201, requestBytes: '{"type":"p2p","calleeId":"bob"}'.length })
  })

  test.each([
    ['a token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl'],
    ['a line of JSON', '{"level":"fatal"}'],
    ['a space', 'a b'],
  ])('whose X-Request-Id is %s gets a generated one', async (_, given) => {
    const { headers } = await world.alice.rest('GET', '/rooms', undefined, { 'x-request-id': given })
    expect(headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
  })

  test('is reported with the code of its error, and without a route if there is none', async () => {
    await world.alice.rest('GET', '/rooms/018f0000-0000-7000-8000-000000000000')
    await fetch(`${world.url}/no/such/path`)
    await vi.waitFor(() =>
      expect(facts.of('request').slice(-2)).toMatchObject([
        { route: '/im/api/v1/rtc/rooms/:id', status: 404, errorCode: 'NOT_FOUND', userId: 'alice' },
        { route: undefined, status: 404, errorCode: 'NOT_FOUND', userId: undefined },
      ]),
    )
  })

  test('without a valid token is reported with the reason', async () => {
    await fetch(`${world.url}/im/api/v1/rtc/rooms`, { headers: { 'x-request-id': 'r1' } })
    const headers = { authorization: 'Bearer a.b.c', 'x-request-id': 'r2' }
    await fetch(`${world.url}/graphql?query={__typename}`, { headers })
    expect(facts.of('tokenRefused').slice(-2)).toEqual([
      { context: { id: 'r1' }, reason: 'missing' },
      { context: { id: 'r2' }, reason: 'malformed' },
    ])
  })
})

describe('a GraphQL operation', () => {
  test('is reported with its kind, field and error codes', async () => {
    await world.alice.graphql('query Mine { rooms(first: 1) { edges { cursor } } }')
    await world.alice.graphql(
      'mutation { endRoom(input: { roomId: "018f0000-0000-7000-8000-000000000000" }) { room { id } } }',
    )
    await world.alice.graphql('{ nothing }')
    expect(facts.of('operation').slice(-3)).toMatchObject([
      { kind: 'query', name: 'Mine', field: 'rooms', errorCodes: [], transport: 'http', userId: 'alice' },
      { kind: 'mutation', name: undefined, field: 'endRoom', errorCodes: ['NOT_FOUND'] },
      { kind: undefined, field: undefined, errorCodes: ['BAD_USER_INPUT'] },
    ])
  })
})

test('a call is reported from its commands to its end', async () => {
  const { body } = await world.carol.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  const messages = world.bob.subscribe('subscription($id: ID!) { roomUpdated(roomId: $id, after: 0) { seq } }', {
    id: body.id,
  })
  await take(messages, 1)
  await world.carol.rest('POST', `/rooms/${body.id}/join`, {})
  await world.bob.rest('POST', `/rooms/${body.id}/join`, {})
  await world.carol.rest('POST', `/rooms/${body.id}/end`)
  const ended = { roomId: body.id, type: 'p2p', mediaType: 'video', provider: 'webrtc' }
  await vi.waitFor(() => expect(facts.of('roomEnded').at(-1)).toMatchObject(ended))
  expect(facts.of('callAnswered').at(-1)).toMatchObject({ roomId: body.id, duration: expect.any(Number) })
  expect(facts.of('streamResumed').at(-1)).toMatchObject({ roomId: body.id, userId: 'bob' })
  const commands = facts.of('command').filter(({ roomId }) => roomId === body.id)
  expect(commands).toMatchObject([
    { type: 'create', userId: 'carol', outcome: 'ok', seq: expect.any(Number) },
    { type: 'join', userId: 'carol', outcome: 'ok' },
    { type: 'join', userId: 'bob', outcome: 'ok' },
    { type: 'end', userId: 'carol', outcome: 'ok' },
  ])
  expect(commands[0]?.context?.id).toBe(
    facts.of('request').findLast(({ route }) => route === '/im/api/v1/rtc/rooms')?.context.id,
  )
  await vi.waitFor(() => expect(facts.of('delivery').some(({ kind }) => kind === 'live')).toBe(true))
  expect(facts.of('commit')).toContainEqual(expect.objectContaining({ kind: 'update', commits: 1, landed: 1 }))
  await vi.waitFor(() =>
    expect(facts.of('subscriptionClosed').at(-1)).toMatchObject({
      userId: 'bob',
      transport: 'websocket',
      field: 'roomUpdated',
      errorCode: undefined,
    }),
  )
  expect(facts.of('subscriptionOpened')).toHaveLength(facts.of('subscriptionClosed').length)
})

test('a refused command is reported with the code', async () => {
  const { body } = await call()
  await world.carol.rest('POST', `/rooms/${body.id}/join`, {})
  expect(facts.of('command').at(-1)).toMatchObject({
    type: 'join',
    userId: 'carol',
    outcome: 'NOT_INVITED',
    seq: undefined,
  })
})

test('a socket is reported when it opens, is ready and closes, with the code of the gateway', async () => {
  const socket = new WebSocket(`${world.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: { 'x-request-id': 'socket:1' },
  })
  const upgraded = new Promise<string | undefined>((resolve) =>
    socket.once('upgrade', ({ headers }) => resolve(headers['x-request-id']?.toString())),
  )
  await new Promise((resolve) => socket.once('open', resolve))
  expect(await upgraded).toBe('socket:1')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer x' } }))
  await new Promise((resolve) => socket.once('close', resolve))
  const context = { id: 'socket:1' }
  await vi.waitFor(() =>
    expect(facts.of('socketClosed')).toContainEqual(expect.objectContaining({ context, code: 4401 })),
  )
  expect(facts.of('socketOpened')).toContainEqual({ context, address: '127.0.0.1' })
  expect(facts.of('tokenRefused')).toContainEqual({ context, reason: 'malformed' })
  const ready = facts.of('socketReady').map(({ userId }) => userId)
  expect(ready).toContain('bob')
})

test('a claim of due rooms is reported with the lag of the earliest deadline', async () => {
  const clock = manualClock()
  const claims = recorder('deadlinesClaimed')
  await withWorld(
    async ({ alice }) => {
      await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      clock.advance(61)
      await vi.waitFor(() => expect(claims.of('deadlinesClaimed')).toEqual([{ rooms: 1, lag: 1000 }]), WAIT)
    },
    { env: { RING_TIMEOUT: '60' }, dependencies: { observer: claims.observer, clock } },
  )
})

test('background jobs and notices are reported', async () => {
  await vi.waitFor(() =>
    expect(facts.of('job').map(({ name }) => name)).toEqual(
      expect.arrayContaining(['sweeper', 'heartbeat', 'catch-up']),
    ),
  )
  expect(facts.of('busConnected')).toEqual([{ gap: undefined }])
  await vi.waitFor(() => expect(facts.of('noticesReturned').length).toBeGreaterThan(0))
  expect(facts.of('noticesSent').every(({ notices, payloads }) => notices >= payloads)).toBe(true)
})
