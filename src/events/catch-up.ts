import type { Logger } from '../core/logger.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { LiveStreams } from './live-streams.ts'

/** Milliseconds: how late an event is at most when the node that committed it died before it sent the notice. */
const INTERVAL = 2_000

/** Checks every kind of live stream periodically, so that a lost notice delays an event by no more than the interval. */
export function createCatchUp(kinds: readonly Pick<LiveStreams, 'check'>[], log: Logger): PeriodicJob {
  const check = async (): Promise<boolean> => {
    for (const kind of kinds) await kind.check()
    return false
  }
  return new PeriodicJob(INTERVAL, check, log)
}
