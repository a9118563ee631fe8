import { expect, test, vi } from 'vitest'
import pg from 'pg'
import { END_REASONS } from '../../src/rooms/model.ts'
import { SEED } from '../seed.ts'
import { startWorld } from '../world.ts'
import { Crowd } from './calls.ts'
import { differences, type Query, totalsOfLog, totalsOfMetrics } from './log.ts'
import { METRICS_TOKEN, scrape } from './scrape.ts'
import { createRandom } from './random.ts'

const CALLS = 40
const env = { METRICS_TOKEN, RING_TIMEOUT: '1', DISCONNECT_GRACE: '1', EMPTY_TIMEOUT: '1' }

test('after random calls with reconnects at two nodes, every counter equals what the log says', async () => {
  const here = await startWorld({ env })
  const there = await startWorld({ env, dependencies: { databaseUrl: here.databaseUrl } })
  const client = new pg.Client(here.databaseUrl)
  await client.connect()
  const query: Query = (sql, values) => client.query(sql, values)
  const urls = [here.url, there.url]
  try {
    const crowd = new Crowd({ urls: () => urls, token: here.token, random: createRandom(SEED), lanes: 8, pace: 60 })
    crowd.start(CALLS)
    await crowd.finished()
    await vi.waitFor(
      async () => expect((await query(`SELECT FROM "Room" WHERE "status" <> 'ended'`)).rows).toEqual([]),
      { timeout: 20_000, interval: 100 },
    )
    const scrapes = await Promise.all(urls.map(scrape))
    const log = await totalsOfLog(query)
    expect(differences(log, totalsOfMetrics(scrapes))).toEqual([])
    expect(crowd.faults).toEqual([])

    // The run covers what it claims to compare.
    const sum = (name: string, labels: Record<string, string> = {}) =>
      scrapes.reduce((total, samples) => total + samples.sum(name, labels), 0)
    expect(log.get('rtc_commits_total{kind="insert",outcome="landed"}')).toBe(CALLS)
    const reasons = END_REASONS.filter((reason) => sum('rtc_rooms_ended_total', { reason }) > 0)
    expect(reasons).toContain('completed')
    expect(reasons.length).toBeGreaterThanOrEqual(3)
    expect(sum('rtc_resumes_total')).toBeGreaterThan(5)

    // What the clients have seen.
    for (const [code, count] of crowd.responses) {
      const counted = ['/graphql', '/im/api/v1/rtc/rooms'].map((route) =>
        sum('rtc_http_requests_total', { route, code }),
      )
      const belowRooms = scrapes.flatMap((samples) =>
        samples.series
          .filter((series) => series.includes('route="/im/api/v1/rtc/rooms/') && series.includes(`code="${code}"`))
          .filter((series) => series.startsWith('rtc_http_requests_total'))
          .map((series) => samples.value(series) ?? 0),
      )
      expect([code, [...counted, ...belowRooms].reduce((total, part) => total + part, 0)]).toEqual([code, count])
    }
    expect(sum('rtc_deliveries_total')).toBeGreaterThanOrEqual(crowd.received)
    await vi.waitFor(async () => {
      const open = await Promise.all(urls.map(scrape))
      for (const name of ['rtc_sockets', 'rtc_subscriptions', 'rtc_subscribed_rooms', 'rtc_fan_out_groups']) {
        expect([name, ...open.map((samples) => samples.sum(name))]).toEqual([name, 0, 0])
      }
    })
  } finally {
    await client.end()
    await there.close()
    await here.close()
  }
})

test('a counter that misses or repeats an event is recognised', () => {
  const log = new Map([['rtc_room_events_total{type="room_ended"}', 5]])
  const metrics = (value: number) => new Map([['rtc_room_events_total{type="room_ended"}', value]])
  expect(differences(log, metrics(5))).toEqual([])
  expect(differences(log, metrics(4))).toHaveLength(1)
  expect(differences(log, metrics(6))).toHaveLength(1)
  expect(differences(log, metrics(4), metrics(1))).toEqual([])
  expect(differences(log, metrics(6), metrics(1))).toHaveLength(1)
  expect(differences(log, new Map())).toHaveLength(1)
})
