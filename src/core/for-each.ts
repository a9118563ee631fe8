/**
 * Runs `work` for every item, at most `concurrency` items at a time, so that a long list does not use up the database
 * connections. Rejects with the first error once all started work has finished; items may then have been skipped. Errors
 * that must not skip other items have to be caught by `work`.
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
