import type { Clock } from '../core/clock.ts'
import type { GaugeName } from './catalogue.ts'
import type { Metrics } from './registry.ts'

/** Milliseconds for which a value is shown again: several scrapers must not multiply the load of the database. */
const MAX_AGE = 10_000
/** Milliseconds that a scrape waits for a value: less than the default timeout of Prometheus, 10 s. */
const WAIT = 2_000

/** Numbers of the whole deployment, which every node reads from the database. */
export interface Totals {
  rooms(): Promise<{ readonly waiting: number; readonly active: number }>
  people(now: Date): Promise<{ readonly connected: number; readonly reconnecting: number; readonly ringing: number }>
  /** Seconds since the earliest deadline; 0 if it has not passed. */
  overdue(now: Date): Promise<number>
  /** Nodes with a current heartbeat. */
  nodes(): Promise<number>
}

/** Reads the totals for scrapes. */
export interface Pulls {
  /** Resolves when the gauges show the totals, or are absent because these could not be read. Never rejects. */
  run(): Promise<void>
}

/** @param options.now - milliseconds of a monotonic clock */
export function createPulls(
  metrics: Metrics,
  { totals, clock, now }: { readonly totals: Totals; readonly clock: Clock; readonly now: () => number },
): Pulls {
  const pull = <T>(source: string, gauges: readonly GaugeName[], read: () => Promise<T>, show: (value: T) => void) => {
    metrics.count('rtc_pull_failures_total', { source }, 0)
    const cached = shared(read, now)
    return async () => {
      try {
        show(await within(WAIT, cached()))
      } catch {
        metrics.count('rtc_pull_failures_total', { source })
        for (const gauge of gauges) metrics.clear(gauge)
      }
    }
  }
  const pulls = [
    pull(
      'rooms',
      ['rtc_rooms'],
      () => totals.rooms(),
      ({ waiting, active }) => {
        metrics.set('rtc_rooms', { status: 'waiting' }, waiting)
        metrics.set('rtc_rooms', { status: 'active' }, active)
      },
    ),
    pull(
      'people',
      ['rtc_participants', 'rtc_ringing'],
      () => totals.people(clock.now()),
      ({ connected, reconnecting, ringing }) => {
        metrics.set('rtc_participants', { state: 'connected' }, connected)
        metrics.set('rtc_participants', { state: 'reconnecting' }, reconnecting)
        metrics.set('rtc_ringing', {}, ringing)
      },
    ),
    pull(
      'overdue',
      ['rtc_overdue_seconds'],
      () => totals.overdue(clock.now()),
      (seconds) => metrics.set('rtc_overdue_seconds', {}, seconds),
    ),
    pull(
      'nodes',
      ['rtc_nodes'],
      () => totals.nodes(),
      (nodes) => metrics.set('rtc_nodes', {}, nodes),
    ),
  ]
  return { run: async () => void (await Promise.all(pulls.map((run) => run()))) }
}

/** Shares one read among all calls while it runs, and its value for `MAX_AGE`. A failure is not kept. */
function shared<T>(read: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { readonly value: Promise<T>; until: number } | undefined
  return () => {
    if (last && now() < last.until) return last.value
    const current = { value: read(), until: Infinity }
    last = current
    current.value.then(
      () => (current.until = now() + MAX_AGE),
      () => (current.until = 0),
    )
    return current.value
  }
}

function within<T>(milliseconds: number, value: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the value was not read in time')), milliseconds)
    value.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
