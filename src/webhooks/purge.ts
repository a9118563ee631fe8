import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { WebhookStore } from './store.ts'

/** Milliseconds between two runs. */
const INTERVAL = 60_000

/** Creates the job that deletes old records of deliveries. Every node runs it. */
export const createWebhookPurge = (dependencies: {
  readonly store: Pick<WebhookStore, 'purge'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}): PeriodicJob => {
  const { store, clock, ...rest } = dependencies
  return new PeriodicJob({ ...rest, name: 'webhook purge', interval: INTERVAL }, () => store.purge(clock.now()))
}
