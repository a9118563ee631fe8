/** Milliseconds. Short enough to be back within a participant's grace. */
const FIRST_DELAY = 250
const MAX_DELAY = 3_000

/** How long to wait before try number `attempt`, from 0, in milliseconds; spread, so that clients do not come back together. */
export const backoff = (attempt: number): number =>
  Math.min(MAX_DELAY, FIRST_DELAY * 2 ** attempt) * (0.5 + Math.random() / 2)

/** Resolves with the work, or after so many milliseconds without it. @throws what the work throws by then */
export async function waitAtMost(milliseconds: number, work: Promise<void>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work.finally(() => done.abort()), pause(milliseconds, done.signal)])
}

/** Resolves after so many milliseconds, or when the signal is aborted. */
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

/** A signal that is aborted after so many milliseconds, unless it is cleared: browsers of 2022 lack `AbortSignal.timeout`. */
export function deadline(milliseconds: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('timed out')), milliseconds)
  return { signal: controller.signal, clear: () => clearTimeout(timer) }
}
