import { type Actor, isAdmin } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'

/** Maximum number of a user's concurrent operations: fewer than there are database connections. */
const RUNNING_MAX = 8
/** Maximum number of a user's operations in flight, running or queued. */
const IN_FLIGHT_MAX = 256
/** Factor for applications with the scope rtc:admin, which act for many users. */
const ADMIN_FACTOR = 4

interface Load {
  running: number
  readonly queued: (() => void)[]
}

/** Bounds each user's concurrent operations over all transports. A user's load does not delay other users. */
export class Concurrency {
  readonly #loads = new Map<string, Load>()

  /** Users with operations in flight. */
  get size(): number {
    return this.#loads.size
  }

  /**
   * Runs a task as soon as the user has fewer running tasks than the maximum.
   *
   * @throws RtcError RATE_LIMITED if the user has too many tasks in flight
   */
  async run<T>(actor: Actor, task: () => T | Promise<T>): Promise<T> {
    const factor = isAdmin(actor) ? ADMIN_FACTOR : 1
    const load = this.#loads.get(actor.id) ?? { running: 0, queued: [] }
    if (load.running + load.queued.length >= IN_FLIGHT_MAX * factor) {
      throw new RtcError('RATE_LIMITED', `A user may have ${IN_FLIGHT_MAX} requests in flight.`, { retryAfter: 1 })
    }
    this.#loads.set(actor.id, load)
    // A queued task takes over the slot of a finished one, so `running` does not change.
    if (load.running >= RUNNING_MAX * factor) await new Promise<void>((resolve) => load.queued.push(resolve))
    else load.running += 1
    try {
      return await task()
    } finally {
      const next = load.queued.shift()
      if (next) next()
      else load.running -= 1
      if (load.running === 0) this.#loads.delete(actor.id)
    }
  }
}
