import { type Actor, isAdmin } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'

/** Operations of one user that run at the same time: fewer than the database has connections. */
const RUNNING_MAX = 8
/** Operations of one user that run or wait for one of theirs to end. */
const IN_FLIGHT_MAX = 256
/** An application, with the scope rtc:admin, acts for many users. */
const ADMIN_FACTOR = 4

interface Load {
  running: number
  readonly waiting: (() => void)[]
}

/** Bounds what one user has done at the same time, at all doors together; nobody waits for another's. */
export class Concurrency {
  readonly #loads = new Map<string, Load>()

  /** Users with something in flight. */
  get size(): number {
    return this.#loads.size
  }

  /**
   * Runs a task as soon as the user has few enough running.
   *
   * @throws RtcError RATE_LIMITED when too many of theirs wait
   */
  async run<T>(actor: Actor, task: () => T | Promise<T>): Promise<T> {
    const factor = isAdmin(actor) ? ADMIN_FACTOR : 1
    const load = this.#loads.get(actor.id) ?? { running: 0, waiting: [] }
    if (load.running + load.waiting.length >= IN_FLIGHT_MAX * factor) {
      throw new RtcError('RATE_LIMITED', `A user may have ${IN_FLIGHT_MAX} requests in flight.`, { retryAfter: 1 })
    }
    this.#loads.set(actor.id, load)
    // Who has waited takes over the place of the task that ended.
    if (load.running >= RUNNING_MAX * factor) await new Promise<void>((resolve) => load.waiting.push(resolve))
    else load.running += 1
    try {
      return await task()
    } finally {
      const next = load.waiting.shift()
      if (next) next()
      else load.running -= 1
      if (load.running === 0) this.#loads.delete(actor.id)
    }
  }
}
