import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { Repeat } from '../core/repeat.ts'
import type { SignalStore } from './store.ts'

/** Milliseconds. */
const INTERVAL = 5_000
const BATCH = 1_000

/** Deletes signals whose minute is over; those of a room that ends go with it. */
export function createSignalPurge(sources: {
  readonly store: Pick<SignalStore, 'deleteGone'>
  readonly clock: Clock
  readonly log: Log
}): Repeat {
  const { store, clock, log } = sources
  const purge = async (): Promise<boolean> => (await store.deleteGone(clock.now(), BATCH)) === BATCH
  return new Repeat(INTERVAL, purge, log)
}
