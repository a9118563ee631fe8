import { Registry } from 'prom-client'
import type { Clock } from '../core/clock.ts'
import type { Observer } from '../core/observer.ts'
import { gatewayVersion, processMetrics } from './process.ts'
import { createPulls, type Pulls, type Totals } from './pulls.ts'
import { createRecorder } from './recorder.ts'
import { Metrics } from './registry.ts'
import { type AppState, type ServerState, showAppState, showServerState } from './state.ts'

/** The metrics of one node. */
export interface NodeMetrics {
  /** Counts the facts that it receives. */
  readonly observer: Observer
  /** Shows what the app holds, and the totals of the deployment, in every scrape from now on. */
  watchApp(app: { state(): AppState; readonly totals: Totals; readonly clock: Clock }): void
  /** Shows what the server holds, in every scrape from now on. */
  watchServer(server: { state(): ServerState }): void
  /** The metrics in Prometheus' text format. Concurrent calls share one result. Never rejects because of a single value. */
  scrape(): Promise<Scrape>
}

export interface Scrape {
  readonly contentType: string
  readonly body: string
}

/** @param now - milliseconds of a monotonic clock */
export function createNodeMetrics(now: () => number = () => performance.now()): NodeMetrics {
  const metrics = new Metrics()
  metrics.set('rtc_build_info', { version: gatewayVersion(), node_version: process.version }, 1)
  const recorder = createRecorder(metrics)
  const all = Registry.merge([metrics.registry, processMetrics()])
  const shows: (() => void)[] = []
  let pulls: Pulls | undefined
  let running: Promise<Scrape> | undefined

  const scrape = async (): Promise<Scrape> => {
    await pulls?.run()
    for (const show of shows) show()
    recorder.flush()
    return { contentType: all.contentType, body: await all.metrics() }
  }

  return {
    observer: recorder.observer,
    watchApp(app) {
      pulls = createPulls(metrics, { totals: app.totals, clock: app.clock, now })
      shows.push(() => showAppState(metrics, app.state()))
    },
    watchServer(server) {
      shows.push(() => showServerState(metrics, server.state()))
    },
    scrape: () =>
      (running ??= scrape().finally(() => {
        running = undefined
      })),
  }
}
