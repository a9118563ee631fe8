import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Cluster } from '../faults/cluster.ts'
import { SEED } from '../seed.ts'
import { Crowd } from './calls.ts'
import { differences, type Totals, totalsOfLog, totalsOfMetrics, type Window } from './log.ts'
import { createRandom } from './random.ts'
import { METRICS_TOKEN, type Samples, scrape } from './scrape.ts'

/** A longer run: `npm run test:soak`, which sets `SOAK_MINUTES` to 30. */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 0.5)
/** How often the load pauses, and memory and handles are compared with the first pause. */
const ROUNDS = Math.min(15, Math.max(3, Math.round(MINUTES)))
/** Milliseconds. */
const ROUND = (MINUTES * 60_000) / ROUNDS
const FAULT_INTERVAL = 5_000
/** Calls after which the bounded caches are full; memory is compared from then on, if the run is long enough. */
const CACHES_FULL = 5_500
const QUIET_TIMEOUT = 90_000
/** Milliseconds before and after a fault within which a decided commit may be written or counted. */
const UNSURE = 5_000
const MB = 1024 * 1024

/** What the probe reports. */
interface Held {
  readonly heapUsed: number
  readonly external: number
  readonly rss: number
  /** Handles that keep the event loop alive, by type. */
  readonly resources: Readonly<Record<string, number>>
  /** Listeners of the process. */
  readonly listeners: number
}

const random = createRandom(SEED)
let cluster: Cluster
let crowd: Crowd
/** The last scrape of each process that has ended. */
const ended: Samples[] = []
/** When a process ended that had counted what no scrape has; when statements failed whose result is unknown. */
const kills: Window[] = []
const drops: Window[] = []
const faults = { kills: 0, restarts: 0, drops: 0, cuts: 0 }
const summary: string[] = []

beforeAll(async () => {
  cluster = await Cluster.start({
    METRICS_TOKEN,
    RING_TIMEOUT: '2',
    DISCONNECT_GRACE: '2',
    EMPTY_TIMEOUT: '2',
    // Clients keep idle connections for as long as the gateway does.
    KEEP_ALIVE_TIMEOUT: '2',
    NODE_OPTIONS: `--import=${new URL('held-probe.js', import.meta.url).href}`,
  })
  crowd = new Crowd({
    urls: () => cluster.urls,
    token: (userId) => cluster.token(userId),
    random,
    lanes: 8,
    pace: 250,
  })
}, 60_000)

afterAll(() => {
  process.stdout.write(`\n${summary.join('\n')}\n`)
})

const urlOf = (index: number) => cluster.urls[index] ?? ''
const around = (since: Date, until: Date): Window => ({
  since: new Date(since.getTime() - UNSURE),
  until: new Date(until.getTime() + UNSURE),
})

/** Ends the second node and starts it again; the first runs throughout, so that its memory can be compared. */
async function endNode(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const since = new Date()
  let last = await scrape(urlOf(1))
  const stopped = cluster.node(1).stop(signal)
  // A node that drains still answers.
  for (;;) {
    const next = await scrape(urlOf(1)).catch(() => undefined)
    if (!next) break
    last = next
  }
  ended.push(last)
  await stopped
  kills.push(around(since, new Date()))
  await cluster.startNode(1)
}

const FAULTS: readonly (() => Promise<unknown>)[] = [
  async () => {
    faults.kills += 1
    await endNode('SIGKILL')
  },
  async () => {
    faults.restarts += 1
    await endNode('SIGTERM')
  },
  async () => {
    faults.drops += 1
    const since = new Date()
    await cluster.cutPools()
    drops.push(around(since, new Date()))
  },
  async () => {
    faults.cuts += 1
    await cluster.cutBus()
  },
]

/** Waits until no room is live, no client is connected, and the handles of the first node are those of `expected`. */
async function quiet(expected?: Held): Promise<Held> {
  const live = async () => (await cluster.query(`SELECT FROM "Room" WHERE "status" <> 'ended' LIMIT 1`)).rowCount
  await vi.waitUntil(async () => (await live()) === 0, { timeout: QUIET_TIMEOUT, interval: 200 })
  const open = async () => {
    const samples = await scrape(urlOf(0))
    const streams = [
      'rtc_sockets',
      'rtc_subscriptions',
      'rtc_event_streams',
      'rtc_subscribed_rooms',
      'rtc_fan_out_groups',
    ]
    // The connection of the scrape itself.
    const connections = samples.sum('rtc_http_connections') - 1
    return connections + streams.reduce((sum, name) => sum + samples.sum(name), 0)
  }
  await vi.waitUntil(async () => (await open()) === 0, { timeout: QUIET_TIMEOUT, interval: 500 })
  let held = await probe()
  const handlesOf = ({ resources, listeners }: Held) =>
    JSON.stringify([Object.entries(resources).toSorted(([one], [other]) => one.localeCompare(other)), listeners])
  // Jobs that run at the moment, and idle connections of the pool, come and go.
  let wanted = expected ? handlesOf(expected) : ''
  await vi
    .waitUntil(
      async () => {
        const before = handlesOf(held)
        await delay(1_000)
        held = await probe()
        if (!expected) wanted = before
        return handlesOf(held) === wanted
      },
      { timeout: QUIET_TIMEOUT, interval: 100 },
    )
    .catch(() => expect(JSON.parse(handlesOf(held))).toEqual(JSON.parse(wanted)))
  return held
}

async function probe(): Promise<Held> {
  const node = cluster.node(0)
  const reports = () => node.output().match(/^\{"held":.*\}$/gm) ?? []
  const before = reports().length
  node.process.kill('SIGUSR2')
  await vi.waitUntil(() => reports().length > before, { timeout: 10_000, interval: 20 })
  return (JSON.parse(reports().at(-1) ?? '') as { held: Held }).held
}

/** Calls with a fault every few seconds, until the time is over. */
async function round(): Promise<void> {
  const end = performance.now() + ROUND
  crowd.start()
  while (performance.now() + FAULT_INTERVAL < end) {
    await delay(FAULT_INTERVAL)
    await FAULTS[Math.floor(random() * FAULTS.length)]?.()
  }
  await delay(Math.max(0, end - performance.now()))
  await crowd.pause()
}

const held: (Held & { readonly calls: number })[] = []

test(
  `${MINUTES} minutes of calls, reconnects and faults leave no handle`,
  async () => {
    for (let n = 0; n < ROUNDS; n += 1) {
      await round()
      const now = await quiet(held[0])
      held.push({ ...now, calls: crowd.calls })
      const megabytes = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`
      const line = `round ${n + 1}: ${crowd.calls} calls, heap ${megabytes(now.heapUsed)}, external ${megabytes(now.external)}, resident ${megabytes(now.rss)}, ${JSON.stringify(now.resources)}`
      summary.push(line)
      process.stdout.write(`${line}\n`)
    }
    expect(crowd.faults).toEqual([])
  },
  MINUTES * 60_000 + ROUNDS * 2 * QUIET_TIMEOUT,
)

test('memory is flat', () => {
  expect(held).toHaveLength(ROUNDS)
  const late = held.filter(({ calls }) => calls >= CACHES_FULL)
  const compared = late.length >= 3 ? late : held
  const growth = (read: (one: Held) => number) => slope(compared.map(read)) * (compared.length - 1)
  const heap = ({ heapUsed, external }: Held) => heapUsed + external
  const resident = ({ rss }: Held) => rss
  summary.push(
    `growth over the last ${compared.length} rounds by linear regression: heap ${(growth(heap) / MB).toFixed(1)} MB, resident ${(growth(resident) / MB).toFixed(1)} MB`,
  )
  const [first] = compared
  expect(growth(heap)).toBeLessThan(Math.max(0.15 * (first ? heap(first) : 0), 8 * MB))
  // The allocator returns memory late and in large pieces.
  expect(growth(resident)).toBeLessThan(Math.max(0.3 * (first ? resident(first) : 0), 32 * MB))
})

test('metrics equal the log, but for what a killed node or a cut connection took along', async () => {
  const scrapes = [...ended, await scrape(urlOf(0)), await scrape(urlOf(1))]
  const metrics = totalsOfMetrics(scrapes)
  const query = (sql: string, values?: unknown[]) => cluster.query(sql, values)
  const log = await totalsOfLog(query)
  const unknown = scrapes.reduce((sum, samples) => sum + samples.sum('rtc_commits_total', { outcome: 'failed' }), 0)
  const windows = [...kills, ...(unknown > 0 ? drops : [])]
  const lost = await totalsOfLog(query, windows)
  expect(differences(log, metrics, lost)).toEqual([])
  const events = (totals: Totals) =>
    [...totals].reduce((sum, [series, value]) => sum + (series.startsWith('rtc_room_events_total') ? value : 0), 0)
  const missing = events(log) - events(metrics)
  summary.push(
    `${crowd.calls} calls, ${crowd.received} updates received, ${crowd.resumed} resumptions; faults ${JSON.stringify(faults)}`,
    `log ${events(log)} events, metrics ${events(metrics)}: ${missing} not counted, of at most ${events(lost)} around kills and ${unknown} commits with an unknown result`,
  )
  expect(missing).toBeLessThan(Math.max(20, 0.02 * events(log)))
})

test('afterwards every process exits by itself', async () => {
  const { codes, unexpectedLogs } = await cluster.stop()
  expect(codes).toEqual([0, 0])
  expect(unexpectedLogs.filter((line) => !/"cause":"(database_|pool_)/.test(line))).toEqual([])
}, 60_000)

/** The slope of the line of least squares through values at 0, 1, 2, … */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let [covariance, variance] = [0, 0]
  for (const [index, value] of values.entries()) {
    covariance += (index - middle) * (value - mean)
    variance += (index - middle) ** 2
  }
  return variance === 0 ? 0 : covariance / variance
}
