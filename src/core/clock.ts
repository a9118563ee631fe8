/** The only source of the current time, so that tests can freeze and advance it. */
export interface Clock {
  now(): Date
}

/** A clock with timers. */
export interface Scheduler extends Clock {
  /**
   * Calls `callback` at `time`; synchronously if `time` has passed.
   *
   * @returns a function that cancels the timer
   */
  at(time: Date, callback: () => void): () => void
}

/** The longest timer of Node.js, in milliseconds. A later time takes several timers in a row. */
const TIMER_MAX = 2 ** 31 - 1

export const systemClock: Scheduler = {
  now: () => new Date(),
  at(time, callback) {
    let timer: NodeJS.Timeout | undefined
    const wait = () => {
      const left = time.getTime() - Date.now()
      if (left <= 0) callback()
      else timer = setTimeout(wait, Math.min(left, TIMER_MAX))
    }
    wait()
    return () => clearTimeout(timer)
  },
}
