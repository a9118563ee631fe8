import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { RetentionStore } from './store.ts'

/** Milliseconds between two batches: the pause leaves the database to live commands. */
const INTERVAL = 100
/** Seconds between two searches when nothing was due. */
const IDLE = 60
const DAY = 86_400_000

/** Creates the job that deletes the rooms that ended more than `days` days ago, in small batches. Every node runs it. */
export function createRetentionPurge(dependencies: {
  readonly days: number
  readonly store: RetentionStore
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}): PeriodicJob {
  const { days, store, clock, log, observer } = dependencies
  let nextSearch = 0
  const purge = async (): Promise<boolean> => {
    const now = clock.now().getTime()
    if (now < nextSearch) return false
    const isMore = await store.deleteBatch(new Date(now - days * DAY))
    if (!isMore) nextSearch = now + IDLE * 1000
    return false
  }
  return new PeriodicJob({ name: 'retention', interval: INTERVAL, log, observer }, purge)
}
