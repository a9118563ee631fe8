import { levelOf } from '../core/failures.ts'
import type { Clock } from '../core/clock.ts'
import { forEach } from '../core/for-each.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { Executor } from '../rooms/executor.ts'
import type { RoomStore } from '../rooms/store.ts'
import { PeriodicJob } from '../core/periodic-job.ts'

interface Dependencies {
  readonly store: Pick<RoomStore, 'claimDue'>
  readonly executor: Pick<Executor, 'execute'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}

/** Milliseconds between two searches for due rooms. */
const INTERVAL = 500
/** Rooms claimed at once: few enough to be processed before the claim expires, even if the rooms are large. */
const BATCH = 20
/** Rooms processed concurrently; leaves the other database connections to requests. */
const CONCURRENCY = 2

/**
 * Creates the job that executes `tick` on rooms with a passed deadline, normally within a second. If many rooms are due,
 * the store claims them round robin by caller, and requests are served in between.
 */
export function createSweeper({ store, executor, clock, log, observer }: Dependencies): PeriodicJob {
  const sweep = async (): Promise<boolean> => {
    const now = clock.now()
    const { rooms, dueSince } = await store.claimDue(now, BATCH)
    if (dueSince) observer.deadlinesClaimed?.({ rooms: rooms.length, lag: now.getTime() - dueSince.getTime() })
    await forEach(rooms, { concurrency: CONCURRENCY }, async (roomId) => {
      try {
        await executor.execute(roomId, { type: 'tick' })
      } catch (error) {
        log[levelOf(error)]({ roomId, err: error }, 'could not sweep a room')
      }
    })
    return rooms.length === BATCH
  }
  return new PeriodicJob({ name: 'sweeper', interval: INTERVAL, log, observer }, sweep)
}
