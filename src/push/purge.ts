import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { PushStore } from './store.ts'

/** Milliseconds between two runs: an hour. */
const INTERVAL = 3_600_000

/** Creates the job that deletes unused subscriptions. Every node runs it. */
export const createPushPurge = (dependencies: {
  readonly store: Pick<PushStore, 'purge'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}): PeriodicJob => {
  const { store, clock, ...rest } = dependencies
  return new PeriodicJob({ ...rest, name: 'push purge', interval: INTERVAL }, () => store.purge(clock.now()))
}
