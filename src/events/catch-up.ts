import type { Logger } from '../core/logger.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { RoomStore } from '../rooms/store.ts'
import type { Hub } from './hub.ts'

interface Dependencies {
  readonly hub: Hub
  readonly store: Pick<RoomStore, 'newerThan'>
  /** What else may have missed a notice; each looks for itself. */
  readonly others: readonly (() => Promise<void>)[]
  readonly log: Logger
}

/** Milliseconds: how late an event is at most when the node that wrote it died before it told the others. */
const INTERVAL = 2_000
/** Rooms that one statement looks at. */
const BATCH = 5_000

/** Compares what the readers here have with what is in the log: no lost notice delays an event for longer than this. */
export function createCatchUp({ hub, store, others, log }: Dependencies): PeriodicJob {
  const check = async (): Promise<boolean> => {
    const rooms = [...hub.reached()].map(([id, seq]) => ({ id, seq }))
    for (let from = 0; from < rooms.length; from += BATCH) {
      for (const { id, seq } of await store.newerThan(rooms.slice(from, from + BATCH))) hub.hint(id, seq)
    }
    for (const other of others) await other()
    return false
  }
  return new PeriodicJob(INTERVAL, check, log)
}
