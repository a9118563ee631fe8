import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Executor } from '../rooms/executor.ts'
import type { RoomStore } from '../rooms/store.ts'
import { Repeat } from '../core/repeat.ts'

interface Sources {
  readonly store: Pick<RoomStore, 'claimDue'>
  readonly executor: Pick<Executor, 'execute'>
  readonly clock: Clock
  readonly log: Log
}

/** How often due rooms are looked for, in milliseconds. */
const INTERVAL = 500
const BATCH = 100

/** Makes time pass for rooms: whatever deadline is over is decided within a second. */
export function createSweeper({ store, executor, clock, log }: Sources): Repeat {
  const sweep = async (): Promise<boolean> => {
    const rooms = await store.claimDue(clock.now(), BATCH)
    const results = await Promise.allSettled(rooms.map((roomId) => executor.execute(roomId, { type: 'tick' })))
    for (const result of results) {
      if (result.status === 'rejected') log.warn({ err: result.reason as unknown }, 'a room could not be swept')
    }
    return rooms.length === BATCH
  }
  return new Repeat(INTERVAL, sweep, log)
}
