/** Milliseconds. Short enough to reconnect within a participant's grace. */
const FIRST_DELAY = 250
const MAX_DELAY = 3_000

/**
 * Milliseconds to wait before retry `attempt` (from 0): exponential, with jitter so that clients do not reconnect in
 * step.
 */
export const backoff = (attempt: number): number =>
  Math.min(MAX_DELAY, FIRST_DELAY * 2 ** attempt) * (0.5 + Math.random() / 2)

/**
 * Resolves when the work is done or the time is up, whichever comes first.
 *
 * @throws what the work throws within that time
 */
export async function waitAtMost(milliseconds: number, work: Promise<void>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work.finally(() => done.abort()), pause(milliseconds, done.signal)])
}

/** Resolves after the given time, or as soon as the signal is aborted. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal?.addEventListener('abort', done)
  })
}

/** A signal that aborts after the given time unless cleared; browsers of 2022 lack `AbortSignal.timeout`. */
export function deadline(milliseconds: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('timed out')), milliseconds)
  return { signal: controller.signal, clear: () => clearTimeout(timer) }
}
