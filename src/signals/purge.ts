import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { SignalStore } from './store.ts'

/** Milliseconds. */
const INTERVAL = 5_000
const BATCH = 1_000

/** Deletes signals whose minute is over; those of a room that ends go with it. */
export function createSignalPurge(dependencies: {
  readonly store: Pick<SignalStore, 'deleteGone'>
  readonly clock: Clock
  readonly log: Logger
}): PeriodicJob {
  const { store, clock, log } = dependencies
  const purge = async (): Promise<boolean> => (await store.deleteGone(clock.now(), BATCH)) === BATCH
  return new PeriodicJob(INTERVAL, purge, log)
}
