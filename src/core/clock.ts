/** The only source of time, so that tests can freeze and move it. */
export interface Clock {
  now(): Date
}

/** A clock that wakes. */
export interface Scheduler extends Clock {
  /**
   * Does something when it is `time`, at once if it is already.
   *
   * @returns what gives it up
   */
  at(time: Date, act: () => void): () => void
}

/** Timers of Node.js cannot be longer; a later time is looked at again then. */
const TIMER_MAX = 2 ** 31 - 1

export const systemClock: Scheduler = {
  now: () => new Date(),
  at(time, act) {
    let timer: NodeJS.Timeout | undefined
    const wait = () => {
      const left = time.getTime() - Date.now()
      if (left <= 0) act()
      else timer = setTimeout(wait, Math.min(left, TIMER_MAX))
    }
    wait()
    return () => clearTimeout(timer)
  },
}
