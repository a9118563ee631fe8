import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { Executor } from '../rooms/executor.ts'
import type { LeaseStore, OverdueStream } from './lease-store.ts'

interface Dependencies {
  readonly store: Pick<LeaseStore, 'overdue' | 'stopAwaiting' | 'isHeld'>
  readonly executor: Pick<Executor, 'execute'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}

/** Milliseconds between two searches for overdue streams. */
const INTERVAL = 500
const BATCH = 100

/** Creates the job that ends sessions which announced a stream but did not open it in time, whichever node they joined at. */
export function createAbsenceSweeper({ store, executor, clock, log, observer }: Dependencies): PeriodicJob {
  const endSession = async (overdue: OverdueStream): Promise<void> => {
    const { roomId, userId, sessionId, since } = overdue
    if (!(await store.isHeld(overdue))) await executor.execute(roomId, { type: 'absent', userId, sessionId, since })
    await store.stopAwaiting(overdue)
  }

  const sweep = async (): Promise<boolean> => {
    const all = await store.overdue(clock.now(), BATCH)
    const results = await Promise.allSettled(all.map(endSession))
    for (const result of results) {
      if (result.status === 'rejected')
        log.warn({ err: result.reason as unknown }, 'could not end a session whose stream is overdue')
    }
    return all.length === BATCH && results.every(({ status }) => status === 'fulfilled')
  }
  return new PeriodicJob({ name: 'absence sweeper', interval: INTERVAL, log, observer }, sweep)
}
