import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { LiveStreams } from './live-streams.ts'

/** Milliseconds between two checks, and so the maximum delay of an event whose notice was lost. */
const INTERVAL = 2_000

/** Creates the job that checks every kind of live stream, so that a lost notice delays an event at most by the interval. */
export function createCatchUp(
  kinds: readonly Pick<LiveStreams, 'check'>[],
  { log, observer }: { readonly log: Logger; readonly observer: Observer },
): PeriodicJob {
  const check = async (): Promise<boolean> => {
    for (const kind of kinds) await kind.check()
    return false
  }
  return new PeriodicJob({ name: 'catch-up', interval: INTERVAL, log, observer }, check)
}
