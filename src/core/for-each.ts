/**
 * Works on all items, on at most `concurrency` of them at the same time, so that a long list does not take every database
 * connection. Rejects with the first error after the work under way is done; `work` that must not stop the others catches.
 */
export async function forEach<T>(
  items: Iterable<T>,
  { concurrency }: { concurrency: number },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value)
  }
  const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, worker))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
