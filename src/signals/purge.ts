import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { SignalStore } from './store.ts'

/** Milliseconds between two purges. */
const INTERVAL = 5_000
const BATCH = 1_000

/** Creates the job that deletes expired signals. Signals of an ended room are deleted with the room's end. */
export function createSignalPurge(dependencies: {
  readonly store: Pick<SignalStore, 'deleteExpired'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}): PeriodicJob {
  const { store, clock, log, observer } = dependencies
  const purge = async (): Promise<boolean> => (await store.deleteExpired(clock.now(), BATCH)) === BATCH
  return new PeriodicJob({ name: 'signal purge', interval: INTERVAL, log, observer }, purge)
}
