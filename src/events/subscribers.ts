/** A subscriber as its registry sees it. */
interface Closable {
  /** Ends the subscriber's stream. */
  close(): void
}

/** The subscribers of one kind of live stream at this node, by what they follow: the id of a room or of a user. */
export class Subscribers<S extends Closable> {
  readonly #byKey = new Map<string, Set<S>>()

  /** Keys with at least one subscriber. */
  get size(): number {
    return this.#byKey.size
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** Subscribers of one key. */
  count(key: string): number {
    return this.#byKey.get(key)?.size ?? 0
  }

  of(key: string): Iterable<S> {
    return this.#byKey.get(key) ?? NONE
  }

  all(): S[] {
    return [...this.#byKey.values()].flatMap((subscribers) => [...subscribers])
  }

  /** Registers a subscriber; the result removes it, and may be called more than once. */
  add(key: string, subscriber: S): () => void {
    const subscribers = this.#byKey.get(key) ?? new Set()
    this.#byKey.set(key, subscribers.add(subscriber))
    return () => {
      subscribers.delete(subscriber)
      if (subscribers.size === 0 && this.#byKey.get(key) === subscribers) this.#byKey.delete(key)
    }
  }

  /** The keys of now in batches, for periodic checks with one statement per batch. */
  keyBatches(size: number): Iterable<readonly string[]> {
    return batches([...this.#byKey.keys()], size)
  }

  /** The subscribers of now in batches, as {@link keyBatches}. */
  batches(size: number): Iterable<readonly S[]> {
    return batches(this.all(), size)
  }

  /** Closes and removes every subscriber. */
  close(): void {
    for (const subscriber of this.all()) subscriber.close()
    this.#byKey.clear()
  }
}

const NONE: readonly never[] = []

function* batches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
