import { monitorEventLoopDelay } from 'node:perf_hooks'
import { RtcError } from './errors.ts'

/** Says when the process has more to do than it can. */
export interface OverloadGuard {
  /** While true, new work is refused; what runs goes on. */
  readonly overloaded: boolean
  close(): void
}

/** For an embedding that measures nothing. */
export const neverOverloaded: OverloadGuard = { overloaded: false, close() {} }

/** Milliseconds by which the event loop is usually late, from which new work is refused, and again taken on. */
const LIMIT = { refuse: 250, accept: 100 } as const
/** Milliseconds over which lateness is looked at. */
const WINDOW = 1_000
/** Windows in a row: a single long task is no overload. */
const WINDOWS = 2

/** Watches the event loop: the median of its delays, so that one long task does not count. */
export function watchEventLoop(): OverloadGuard {
  const delays = monitorEventLoopDelay({ resolution: 20 })
  delays.enable()
  let late = 0
  let overloaded = false
  const timer = setInterval(() => {
    const median = delays.count === 0 ? Infinity : delays.percentile(50) / 1e6
    delays.reset()
    late = median > LIMIT.refuse ? late + 1 : 0
    if (late >= WINDOWS) overloaded = true
    else if (median < LIMIT.accept) overloaded = false
  }, WINDOW)
  timer.unref()
  return {
    get overloaded() {
      return overloaded
    },
    close() {
      clearInterval(timer)
      delays.disable()
    },
  }
}

/** @throws RtcError UNAVAILABLE while overloaded */
export function requireCapacity(guard: OverloadGuard): void {
  if (guard.overloaded) throw new RtcError('UNAVAILABLE', 'The gateway has too much to do.', { retryAfter: 2 })
}
