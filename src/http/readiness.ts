/** Milliseconds for which a result is reused. */
const MAX_AGE = 1_000

/**
 * Shares the result of an asynchronous check: runs it at most once per second, and never twice concurrently.
 *
 * @param now - milliseconds of a monotonic clock
 */
export function checkOncePerSecond<T>(
  check: () => Promise<T>,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let last: { readonly at: number; readonly result: Promise<T>; running: boolean } | undefined
  return () => {
    if (last && (last.running || now() - last.at < MAX_AGE)) return last.result
    const current = { at: now(), running: true, result: check().finally(() => (current.running = false)) }
    last = current
    return current.result
  }
}
