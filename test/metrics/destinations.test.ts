import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { constantKind, DELIVERED, type DeliveryOutcome, type Destination } from '../../src/delivery/destination.ts'
import { type ManualClock, manualClock, startWorld } from '../world.ts'
import { METRICS_TOKEN, scrape, succeeded } from './scrape.ts'

let outcome: DeliveryOutcome
/** Rooms of which an event was delivered. */
const delivered = new Set<string>()
let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  clock = manualClock()
  const destination: Destination = {
    id: 'double:1',
    kind: 'double',
    wants: () => true,
    deliver({ room }) {
      delivered.add(room.id)
      return Promise.resolve(outcome)
    },
  }
  world = await startWorld({
    env: { METRICS_TOKEN },
    dependencies: { clock, destinations: [constantKind({ ...destination, delayAfter: () => 60_000 })] },
  })
})
afterAll(() => world.close())

const NAMES = {
  destinations: 'rtc_destinations{kind="double"}',
  rooms: 'rtc_destination_backlog_rooms{kind="double"}',
  lag: 'rtc_destination_lag_seconds{kind="double"}',
  delivered: 'rtc_destination_attempts_total{kind="double",outcome="delivered"}',
  failed: 'rtc_destination_attempts_total{kind="double",outcome="retry"}',
  timed: 'rtc_destination_attempt_duration_seconds_count{kind="double"}',
}
async function shown(): Promise<Record<keyof typeof NAMES, number | undefined>> {
  const samples = await scrape(world.url)
  const values = Object.entries(NAMES).map(([name, series]) => [name, samples.value(series)])
  return Object.fromEntries(values) as Record<keyof typeof NAMES, number | undefined>
}
const createRoom = async () => succeeded(await world.alice.rest('POST', '/rooms', { type: 'group' }))

test('attempts, the backlog and its age are shown by the kind of destination', async () => {
  // The series exist before the first attempt, so that `rate` sees it.
  await expect.poll(shown).toMatchObject({ destinations: 1, rooms: 0, lag: 0, delivered: 0, failed: 0 })
  outcome = { kind: 'retry' }
  await createRoom()
  await expect.poll(shown).toMatchObject({ rooms: 1, failed: 1, delivered: 0 })
  clock.advance(40)
  expect((await shown()).lag).toBeGreaterThanOrEqual(40)
  outcome = DELIVERED
  clock.advance(30)
  await expect.poll(shown).toMatchObject({ rooms: 0, lag: 0, failed: 1, delivered: 1, timed: 2 })
})

test('events behind a transaction that stays open count as undelivered', async () => {
  const client = new pg.Client({ connectionString: world.databaseUrl })
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_current_xact_id()')
    const { id } = await createRoom()
    for (let seconds = 0; ((await shown()).lag ?? 0) < 1000; seconds += 100) {
      expect(seconds).toBeLessThan(10_000)
      clock.advance(100)
      await delay(20)
    }
    expect((await shown()).rooms).toBe(0)
    expect(delivered.has(id)).toBe(false)
    await client.query('COMMIT')
    await expect.poll(() => delivered.has(id)).toBe(true)
  } finally {
    await client.end()
  }
  await expect.poll(shown).toMatchObject({ rooms: 0, lag: 0 })
})
