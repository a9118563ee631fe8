import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openSource, type Source } from '../event-source.ts'
import { manualClock, type Person, startWorld } from '../world.ts'

/** Generous, for slow machines. */
const POLL_OPTIONS = { timeout: 15_000 }

const clock = manualClock()
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ env: { DISCONNECT_GRACE: '600' }, dependencies: { clock } })
})
afterAll(() => world.close())

let sources: Source[] = []
afterEach(() => {
  for (const source of sources) source.close()
  sources = []
})

const PREFIX = '/im/api/v1/rtc'
async function open(
  person: Pick<Person, 'token'>,
  path: string,
  headers: Record<string, string> = {},
): Promise<Source> {
  const source = await openSource(world.url + PREFIX + path, { token: person.token, headers })
  sources.push(source)
  return source
}

const call = async (): Promise<string> =>
  (await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })).body.id
const join = async (person: Person, roomId: string, deviceId?: string) =>
  person.rest('POST', `/rooms/${roomId}/join`, { ...(deviceId && { deviceId }) })

describe('GET /rooms/:id/events', () => {
  test('sends a snapshot and then every event with its seq as the id, until the room ends', async () => {
    const id = await call()
    const source = await open(world.alice, `/rooms/${id}/events`)
    expect(source.status).toBe(200)
    expect(source.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(await source.next()).toEqual({
      id: '1',
      event: 'snapshot',
      data: {
        seq: 1,
        type: 'snapshot',
        at: expect.any(String),
        actorId: null,
        participant: null,
        participantIds: [],
        room: expect.objectContaining({ id, type: 'p2p', status: 'waiting', seq: 1 }),
      },
    })
    await join(world.alice, id)
    await join(world.bob, id)
    await world.bob.rest('POST', `/rooms/${id}/leave`)
    const events = await source.take(20)
    expect(events.map(({ event }) => event)).toEqual([
      'participant_joined',
      'participant_joined',
      'room_started',
      'participant_left',
      'room_ended',
    ])
    expect(events.map(({ id: seq, data }) => [seq, data.seq, data.room.seq])).toEqual(
      events.map((_, index) => [String(index + 2), index + 2, index + 2]),
    )
    expect(events[0]?.data).toMatchObject({ actorId: 'alice', participant: { userId: 'alice', state: 'joined' } })
    expect(events[0]?.data.participantIds).toEqual(['alice'])
    const { body: room } = await world.alice.rest('GET', `/rooms/${id}`)
    expect(events.at(-1)?.data.room).toEqual(room)
  })

  test.each([
    ['?after=', (seq: number) => [`?after=${seq}`, {}] as const],
    ['Last-Event-ID', (seq: number) => ['', { 'last-event-id': String(seq) }] as const],
    [
      'Last-Event-ID, which overrides ?after=',
      (seq: number) => ['?after=1', { 'last-event-id': String(seq) }] as const,
    ],
  ])('resumes after %s, and returns 204 when the stream is over', async (_by, cursor) => {
    const id = await call()
    await join(world.alice, id)
    await join(world.bob, id)
    await world.alice.rest('POST', `/rooms/${id}/end`)
    for (const after of [2, 3, 4]) {
      const [query, headers] = cursor(after)
      const source = await open(world.alice, `/rooms/${id}/events${query}`, headers)
      expect((await source.take(20)).map(({ data }) => data.seq)).toEqual([3, 4, 5].filter((seq) => seq > after))
    }
    const [query, headers] = cursor(5)
    expect((await open(world.alice, `/rooms/${id}/events${query}`, headers)).status).toBe(204)
  })

  test('ends for a replaced device, which then gets 204', async () => {
    const id = await call()
    await join(world.alice, id, 'laptop')
    const source = await open(world.alice, `/rooms/${id}/events?deviceId=laptop&after=2`)
    await join(world.alice, id, 'phone')
    const last = (await source.take(20)).at(-1)
    expect(last?.data).toMatchObject({ type: 'participant_left', participant: { leaveReason: 'replaced' } })
    const again = await open(world.alice, `/rooms/${id}/events?deviceId=laptop`, { 'last-event-id': last?.id ?? '' })
    expect(again.status).toBe(204)
  })

  test('proves presence: a lost stream begins the grace, and a new one ends it', async () => {
    const id = await call()
    await join(world.bob, id, 'laptop')
    const others = await open(world.alice, `/rooms/${id}/events`)
    await others.next()
    const mine = await open(world.bob, `/rooms/${id}/events?deviceId=laptop`)
    await mine.next()
    mine.close()
    expect((await others.next())?.data).toMatchObject({
      type: 'participant_disconnected',
      participant: { userId: 'bob' },
    })
    await (await open(world.bob, `/rooms/${id}/events?deviceId=laptop`)).next()
    expect((await others.next())?.data).toMatchObject({
      type: 'participant_reconnected',
      participant: { userId: 'bob' },
    })
  })

  test.each([
    ['an unknown room', '/rooms/01900000-0000-7000-8000-000000000000/events', {}, 404, 'NOT_FOUND'],
    ['a cursor that is not a number', '/rooms/:id/events?after=x', {}, 400, 'BAD_USER_INPUT'],
    ['a cursor ahead of the room', '/rooms/:id/events?after=99', {}, 400, 'BAD_USER_INPUT'],
    ['an invalid Last-Event-ID', '/rooms/:id/events', { 'last-event-id': 'x' }, 400, 'BAD_USER_INPUT'],
    ['an unknown parameter', '/rooms/:id/events?colour=red', {}, 400, 'BAD_USER_INPUT'],
  ])('refuses %s with a problem document', async (_what, path, headers, status, code) => {
    const source = await open(world.alice, path.replace(':id', await call()), headers)
    expect([source.status, source.headers.get('content-type')]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ])
    expect(JSON.parse(await source.text())).toMatchObject({ code })
  })

  test('refuses users without access to the room and requests without a valid token', async () => {
    const id = await call()
    expect((await open(world.carol, `/rooms/${id}/events`)).status).toBe(403)
    expect((await open({ token: 'garbage' }, `/rooms/${id}/events`)).status).toBe(401)
  })

  test('returns the log page by page if the client accepts JSON', async () => {
    const id = await call()
    await join(world.alice, id)
    await join(world.bob, id)
    const headers = { accept: 'application/json' }
    const page = async (query: string) =>
      (await world.alice.rest('GET', `/rooms/${id}/events${query}`, undefined, headers)).body
    const first = await page('?first=3')
    expect(first.events.map(({ seq, room }: { seq: number; room: { seq: number } }) => [seq, room.seq])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
    expect(first.events[1]).toMatchObject({ type: 'participant_joined', participant: { userId: 'alice' } })
    expect(first.pageInfo).toEqual({ hasNextPage: true, endCursor: 3 })
    const second = await page('?after=3')
    expect(second.events.map(({ type }: { type: string }) => type)).toEqual(['room_started'])
    expect(second.pageInfo).toEqual({ hasNextPage: false, endCursor: 4 })
    expect(await page('?after=4')).toEqual({ events: [], pageInfo: { hasNextPage: false, endCursor: null } })
    expect((await page('?first=1000')).code).toBe('BAD_USER_INPUT')
  })
})

describe('GET /calls/events', () => {
  test('sends the ringing calls, then every start and end of ringing', async () => {
    const dave = await world.person('dave')
    const ring = async () => (await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'dave' })).body.id
    const first = await ring()
    const source = await open(dave, '/calls/events')
    expect(await source.next()).toMatchObject({
      id: undefined,
      event: 'ringing',
      data: { type: 'ringing', deviceId: null, room: { id: first, status: 'waiting' } },
    })
    const accept = { accept: 'application/json' }
    expect((await dave.rest('GET', '/calls/events', undefined, accept)).body).toMatchObject({
      calls: [{ type: 'ringing', room: { id: first } }],
    })
    await join(dave, first, 'phone')
    expect(await source.next()).toMatchObject({ event: 'answered', data: { deviceId: 'phone', room: { id: first } } })
  })
})

describe('event streams count against the limits of a user’s connections', () => {
  test('the 21st stream is refused with 429 until another one is closed', async () => {
    const erin = await world.person('erin')
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(erin, '/calls/events')))
    const refused = await open(erin, '/calls/events')
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, 5])
    expect(JSON.parse(await refused.text())).toMatchObject({ code: 'RATE_LIMITED' })
    streams[0]?.close()
    await expect.poll(async () => (await open(erin, '/calls/events')).status, POLL_OPTIONS).toBe(200)
    await expect.poll(() => world.app.calls.size, POLL_OPTIONS).toBe(1)
  })

  test('a stream ends and releases its resources when the token expires', async () => {
    const id = await call()
    const token = await world.token('alice', { ttl: 2 })
    const source = await open({ token }, `/rooms/${id}/events`)
    expect((await source.next())?.event).toBe('snapshot')
    clock.advance(7)
    expect(await source.next()).toBeUndefined()
    await expect.poll(() => world.app.hub.subscribers(id), POLL_OPTIONS).toBe(0)
  })
})
