import { monitorEventLoopDelay } from 'node:perf_hooks'
import { RtcError } from './errors.ts'

/** Detects that the process is overloaded. */
export interface OverloadGuard {
  /** While true, new requests are refused; requests in flight continue. */
  readonly overloaded: boolean
  close(): void
}

/** A guard that never reports an overload. */
export const neverOverloaded: OverloadGuard = { overloaded: false, close() {} }

/** Median event loop delays, in milliseconds, above which an overload begins and below which it ends. */
const LIMIT = { refuse: 250, accept: 100 } as const
/** Length of a measuring window, in milliseconds. */
const WINDOW = 1_000
/** Consecutive windows above the limit before an overload begins: a single long task is not one. */
const WINDOWS = 2

/** Monitors the event loop by the median of its delays, which a single long task does not change. */
export function watchEventLoop(): OverloadGuard {
  const delays = monitorEventLoopDelay({ resolution: 20 })
  delays.enable()
  let slowWindows = 0
  let overloaded = false
  const timer = setInterval(() => {
    const median = delays.count === 0 ? Infinity : delays.percentile(50) / 1e6
    delays.reset()
    slowWindows = median > LIMIT.refuse ? slowWindows + 1 : 0
    if (slowWindows >= WINDOWS) overloaded = true
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
  if (guard.overloaded) throw new RtcError('UNAVAILABLE', 'The gateway is overloaded.', { retryAfter: 2 })
}
