/** Milliseconds that an answer is good for. */
const FRESH = 1_000

/**
 * Asks at most once a second, whoever wants to know, and never twice at a time.
 *
 * @param now - milliseconds of a clock that only goes forward
 */
export function askOncePerSecond<T>(
  ask: () => Promise<T>,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let last: { readonly at: number; readonly answer: Promise<T>; running: boolean } | undefined
  return () => {
    if (last && (last.running || now() - last.at < FRESH)) return last.answer
    const asking = { at: now(), running: true, answer: ask().finally(() => (asking.running = false)) }
    last = asking
    return asking.answer
  }
}
