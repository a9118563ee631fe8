import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { Executor } from '../rooms/executor.ts'
import type { LeaseStore, OverdueStream } from './lease-store.ts'

interface Dependencies {
  readonly store: Pick<LeaseStore, 'overdue' | 'giveUp' | 'isHeld'>
  readonly executor: Pick<Executor, 'execute'>
  readonly clock: Clock
  readonly log: Logger
}

/** How often overdue streams are looked for, in milliseconds. */
const INTERVAL = 500
const BATCH = 100

/** Ends sessions that have announced a stream and never opened it, whichever node they joined at. */
export function createAbsenceSweeper({ store, executor, clock, log }: Dependencies): PeriodicJob {
  const end = async (overdue: OverdueStream): Promise<void> => {
    const { roomId, userId, sessionId, since } = overdue
    if (!(await store.isHeld(overdue))) await executor.execute(roomId, { type: 'absent', userId, sessionId, since })
    await store.giveUp(overdue)
  }

  const sweep = async (): Promise<boolean> => {
    const all = await store.overdue(clock.now(), BATCH)
    const results = await Promise.allSettled(all.map(end))
    for (const result of results) {
      if (result.status === 'rejected') log.warn({ err: result.reason as unknown }, 'an absence could not be written')
    }
    return all.length === BATCH && results.every(({ status }) => status === 'fulfilled')
  }
  return new PeriodicJob(INTERVAL, sweep, log)
}
