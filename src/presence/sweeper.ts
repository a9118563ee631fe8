import { levelOf } from '../core/failures.ts'
import type { Clock } from '../core/clock.ts'
import { forEach } from '../core/for-each.ts'
import type { Logger } from '../core/logger.ts'
import type { Executor } from '../rooms/executor.ts'
import type { RoomStore } from '../rooms/store.ts'
import { PeriodicJob } from '../core/periodic-job.ts'

interface Dependencies {
  readonly store: Pick<RoomStore, 'claimDue'>
  readonly executor: Pick<Executor, 'execute'>
  readonly clock: Clock
  readonly log: Logger
}

/** How often due rooms are looked for, in milliseconds. */
const INTERVAL = 500
/** Rooms that are taken at once: as many as are done before others may take them, however large they are. */
const BATCH = 20
/** Rooms that are worked on at the same time: the other connections serve requests. */
const CONCURRENCY = 2

/**
 * Makes time pass for rooms: whatever deadline is over is decided within a second. When very much is due, callers take
 * turns, and requests go on in between.
 */
export function createSweeper({ store, executor, clock, log }: Dependencies): PeriodicJob {
  const sweep = async (): Promise<boolean> => {
    const rooms = await store.claimDue(clock.now(), BATCH)
    await forEach(rooms, { concurrency: CONCURRENCY }, async (roomId) => {
      try {
        await executor.execute(roomId, { type: 'tick' })
      } catch (error) {
        log[levelOf(error)]({ roomId, err: error }, 'a room could not be swept')
      }
    })
    return rooms.length === BATCH
  }
  return new PeriodicJob(INTERVAL, sweep, log)
}
