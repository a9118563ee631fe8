import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openPeer } from '../peer.ts'
import { type ManualClock, manualClock, startWorld, take } from '../world.ts'
import { METRICS_TOKEN, type Samples, scrape, succeeded } from './scrape.ts'

const UPDATES = 'subscription ($id: ID!, $after: Int) { roomUpdated(roomId: $id, after: $after) { seq type } }'

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  clock = manualClock()
  world = await startWorld({ env: { METRICS_TOKEN }, dependencies: { clock } })
})
afterAll(() => world.close())

/** How much each of the series has grown during the work. A request counts when its response has ended. */
async function growth(work: () => Promise<unknown>, expected: Readonly<Record<string, number>>): Promise<void> {
  const before = await scrape(world.url)
  await work()
  const grown = (after: Samples) =>
    Object.fromEntries(
      Object.keys(expected).map((series) => [series, (after.value(series) ?? 0) - (before.value(series) ?? 0)]),
    )
  await vi.waitFor(async () => expect(grown(await scrape(world.url))).toEqual(expected), { timeout: 5_000 })
}

test('a call that is answered and ended', () =>
  growth(
    async () => {
      const { alice, bob } = world
      const { id } = succeeded(await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
      const events = bob.subscribe(UPDATES, { id })
      await take(events, 1)
      clock.advance(7)
      for (const person of [alice, bob]) succeeded(await person.rest('POST', `/rooms/${id}/join`))
      await take(events, 3)
      clock.advance(100)
      succeeded(await alice.rest('POST', `/rooms/${id}/end`))
      await take(events, 2)
    },
    {
      'rtc_room_events_total{type="room_created"}': 1,
      'rtc_room_events_total{type="participant_joined"}': 2,
      'rtc_room_events_total{type="room_started"}': 1,
      'rtc_room_events_total{type="room_ended"}': 1,
      'rtc_rooms_ended_total{type="p2p",reason="completed"}': 1,
      'rtc_rings_total{reach="none"}': 1,
      'rtc_rings_total{reach="connected"}': 0,
      rtc_time_to_answer_seconds_count: 1,
      rtc_time_to_answer_seconds_sum: 7,
      'rtc_room_active_seconds_sum{type="p2p"}': 100,
      'rtc_commands_total{command="create",outcome="ok"}': 1,
      'rtc_commands_total{command="join",outcome="ok"}': 2,
      'rtc_commands_total{command="end",outcome="ok"}': 1,
      'rtc_commits_total{kind="insert",outcome="landed"}': 1,
      'rtc_commits_total{kind="update",outcome="landed"}': 3,
      'rtc_deliveries_total{kind="backfill"}': 1,
      'rtc_deliveries_total{kind="live"}': 4,
      'rtc_http_requests_total{route="/im/api/v1/rtc/rooms",method="POST",code="201"}': 1,
      'rtc_http_requests_total{route="/im/api/v1/rtc/rooms/:id/join",method="POST",code="200"}': 2,
      'rtc_graphql_operations_total{kind="subscription",code="ok"}': 1,
      'rtc_subscriptions_ended_total{field="roomUpdated",code="ok"}': 1,
      'rtc_socket_closes_total{code="1000"}': 1,
      'rtc_subscriptions{field="roomUpdated",transport="websocket"}': 0,
      'rtc_sockets{state="ready"}': 0,
      'rtc_failures_total{cause="database_unreachable"}': 0,
    },
  ))

test('what clients do wrong: commands, documents, tokens', () =>
  growth(
    async () => {
      const { alice, carol } = world
      const { id } = succeeded(await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
      await carol.rest('POST', `/rooms/${id}/join`)
      await alice.graphql('{ nonsense }')
      await alice.graphql(
        `mutation { endRoom(input: { roomId: "018f0000-0000-7000-8000-000000000000" }) { room { id } } }`,
      )
      await fetch(`${world.url}/graphql`, { method: 'POST', headers: { authorization: 'Bearer a.b.c' } })
      await fetch(`${world.url}/im/api/v1/rtc/rooms`)
      succeeded(await alice.rest('POST', `/rooms/${id}/leave`))
    },
    {
      'rtc_commands_total{command="join",outcome="NOT_INVITED"}': 1,
      'rtc_commands_total{command="end",outcome="NOT_FOUND"}': 1,
      'rtc_rooms_ended_total{type="p2p",reason="cancelled"}': 1,
      'rtc_graphql_operations_total{kind="invalid",code="BAD_USER_INPUT"}': 1,
      'rtc_graphql_operations_total{kind="mutation",code="NOT_FOUND"}': 1,
      'rtc_token_refusals_total{reason="missing"}': 1,
      'rtc_token_refusals_total{reason="malformed"}': 1,
      'rtc_http_requests_total{route="/graphql",method="POST",code="401"}': 1,
    },
  ))

test('a resumed stream, and a socket without a token', () =>
  growth(
    async () => {
      const { alice, bob } = world
      const { id } = succeeded(await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] }))
      for (const person of [alice, bob]) succeeded(await person.rest('POST', `/rooms/${id}/join`))
      const resumed = alice.subscribe(UPDATES, { id, after: 1 })
      await take(resumed, 3)
      await resumed.return?.()
      const stranger = await openPeer(world.url, { token: 'none' }).catch((error: unknown) => error)
      expect(stranger).toBeDefined()
      succeeded(await alice.rest('POST', `/rooms/${id}/end`))
    },
    {
      rtc_resumes_total: 1,
      rtc_resumed_events_sum: 3,
      'rtc_deliveries_total{kind="backfill"}': 3,
      'rtc_socket_closes_total{code="4401"}': 1,
      'rtc_rooms_ended_total{type="group",reason="completed"}': 1,
    },
  ))

test('a call that rings at a connected device', () =>
  growth(
    async () => {
      const { alice, bob } = world
      const rings = bob.subscribe('subscription { incomingCall { __typename } }')
      const { id } = succeeded(await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
      await take(rings, 1)
      await vi.waitFor(async () => expect(succeeded(await alice.rest('GET', `/rooms/${id}`)).reach).toBe('connected'))
      succeeded(await alice.rest('POST', `/rooms/${id}/end`))
    },
    { 'rtc_rings_total{reach="none"}': 0, 'rtc_rings_total{reach="connected"}': 1 },
  ))

test('a missed call, whose deadline the sweeper applies', () =>
  growth(
    async () => {
      succeeded(await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
      clock.advance(46)
    },
    {
      'rtc_rooms_ended_total{type="p2p",reason="missed"}': 1,
      'rtc_commands_total{command="tick",outcome="ok"}': 1,
      rtc_deadline_lag_seconds_count: 1,
      rtc_deadline_lag_seconds_sum: 1,
    },
  ))
