import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createNodeMetrics } from '../../src/metrics/metrics.ts'
import type { Totals } from '../../src/metrics/pulls.ts'
import { type ManualClock, manualClock, startWorld, take } from '../world.ts'
import { METRICS_TOKEN, Samples, scrape, succeeded } from './scrape.ts'

describe('totals of the database', () => {
  let clock: ManualClock
  let world: Awaited<ReturnType<typeof startWorld>>
  beforeAll(async () => {
    clock = manualClock()
    world = await startWorld({ env: { METRICS_TOKEN }, dependencies: { clock } })
  })
  afterAll(() => world.close())

  test('count live rooms by status, their participants, and what rings', async () => {
    const { alice, bob, carol } = world
    const call = succeeded(await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
    const group = succeeded(await carol.rest('POST', '/rooms', { type: 'group', participantIds: ['alice', 'dave'] }))
    const over = succeeded(await carol.rest('POST', '/rooms', { type: 'group', participantIds: ['erin'] }))
    succeeded(await carol.rest('POST', `/rooms/${over.id}/end`))
    for (const person of [alice, bob]) succeeded(await person.rest('POST', `/rooms/${call.id}/join`))
    succeeded(await carol.rest('POST', `/rooms/${group.id}/join`))
    const stream = bob.subscribe('subscription ($id: ID!) { roomUpdated(roomId: $id) { seq } }', { id: call.id })
    await take(stream, 1)

    const samples = await scrape(world.url)
    expect(samples.value('rtc_rooms{status="waiting"}')).toBe(1)
    expect(samples.value('rtc_rooms{status="active"}')).toBe(1)
    expect(samples.value('rtc_participants{state="connected"}')).toBe(3)
    expect(samples.value('rtc_participants{state="reconnecting"}')).toBe(0)
    expect(samples.value('rtc_ringing')).toBe(2)
    expect(samples.value('rtc_nodes')).toBe(1)
    expect(samples.value('rtc_overdue_seconds')).toBe(0)
    expect(samples.value('rtc_subscribed_rooms')).toBe(1)
    expect(samples.value('rtc_fan_out_groups')).toBe(1)
    expect(samples.value('rtc_cached_rooms')).toBe(2)
    expect(samples.value('rtc_database_connections_max')).toBe(10)
    expect(samples.value('rtc_http_connections')).toBeGreaterThan(0)
    await stream.return?.()
    // The bus connects in the background.
    await vi.waitFor(async () => expect((await scrape(world.url)).value('rtc_bus_connected')).toBe(1))
  })
})

describe('a scrape', () => {
  const state = () => ({
    cachedRooms: 7,
    subscribedRooms: 0,
    fanOutGroups: 0,
    backlog: { updates: 0, age: 0 },
    pool: { idle: 0, busy: 0, waiting: 0, max: 10 },
    bus: { connected: false, pending: 0 },
    overloaded: false,
    destinations: [],
    now: new Date(0),
    failures: new Map([['database_unreachable', 3]] as const),
  })
  const totals = (given: Partial<Totals> = {}): Totals => ({
    rooms: async () => ({ waiting: 1, active: 2 }),
    people: async () => ({ connected: 3, reconnecting: 0, ringing: 0 }),
    overdue: async () => 0,
    nodes: async () => 1,
    ...given,
  })

  test('does not fail because of a total that cannot be read: the total is absent and the failure counted', async () => {
    let time = 0
    // Each scrape reads again.
    const metrics = createNodeMetrics(() => (time += 20_000))
    let works = true
    const rooms = async () => {
      if (works) return { waiting: 1, active: 2 }
      throw new Error('no database')
    }
    metrics.watchApp({ state, totals: totals({ rooms }), clock: systemClock })
    const before = new Samples((await metrics.scrape()).body)
    expect(before.sum('rtc_rooms')).toBe(3)
    expect(before.value('rtc_pull_failures_total{source="rooms"}')).toBe(0)
    works = false
    const during = new Samples((await metrics.scrape()).body)
    expect(during.series.filter((series) => series.startsWith('rtc_rooms{'))).toEqual([])
    expect(during.value('rtc_pull_failures_total{source="rooms"}')).toBe(1)
    expect(during.value('rtc_participants{state="connected"}')).toBe(3)
    expect(during.value('rtc_cached_rooms')).toBe(7)
    expect(during.value('rtc_failures_total{cause="database_unreachable"}')).toBe(3)
    works = true
    const after = new Samples((await metrics.scrape()).body)
    expect(after.sum('rtc_rooms')).toBe(3)
    expect(after.value('rtc_pull_failures_total{source="rooms"}')).toBe(1)
  })

  test('does not wait longer than two seconds for a total', async () => {
    const metrics = createNodeMetrics()
    metrics.watchApp({ state, totals: totals({ nodes: () => new Promise(() => undefined) }), clock: systemClock })
    const before = performance.now()
    const samples = new Samples((await metrics.scrape()).body)
    expect(performance.now() - before).toBeLessThan(4_000)
    expect(samples.value('rtc_nodes')).toBeUndefined()
    expect(samples.value('rtc_pull_failures_total{source="nodes"}')).toBe(1)
  })

  test('shares its result with concurrent scrapes, and reads each total at most every ten seconds', async () => {
    const metrics = createNodeMetrics()
    let reads = 0
    const rooms = async () => ({ waiting: (reads += 1), active: 0 })
    metrics.watchApp({ state, totals: totals({ rooms }), clock: systemClock })
    const bodies = await Promise.all(Array.from({ length: 8 }, async () => (await metrics.scrape()).body))
    expect(new Set(bodies).size).toBe(1)
    await metrics.scrape()
    expect(reads).toBe(1)
  })
})
