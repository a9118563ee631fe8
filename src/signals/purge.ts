import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { Repeat } from '../presence/repeat.ts'
import type { SignalStore } from './store.ts'

/** Milliseconds. */
const INTERVAL = 5_000
const BATCH = 1_000

/** Deletes signals that nobody can read any more: their minute or their room is over. */
export function createSignalPurge(sources: {
  readonly store: Pick<SignalStore, 'deleteGone' | 'deleteEnded'>
  readonly clock: Clock
  readonly log: Log
}): Repeat {
  const { store, clock, log } = sources
  const purge = async (): Promise<boolean> => {
    const gone = await store.deleteGone(clock.now(), BATCH)
    const ended = await store.deleteEnded(BATCH)
    return gone === BATCH || ended === BATCH
  }
  return new Repeat(INTERVAL, purge, log)
}
