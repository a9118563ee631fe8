import type { Clock } from './clock.ts'

/** Timers of Node.js cannot be longer; a later time is looked at again then. */
const TIMER_MAX = 2 ** 31 - 1

/**
 * Does something when it is `time`, at once if it is already.
 *
 * @returns what gives it up
 */
export function at(time: Date, clock: Clock, act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const wait = () => {
    const left = time.getTime() - clock.now().getTime()
    if (left <= 0) act()
    else timer = setTimeout(wait, Math.min(left, TIMER_MAX))
  }
  wait()
  return () => clearTimeout(timer)
}
