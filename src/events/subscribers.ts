/** A subscriber as used by the registry. */
interface Closable {
  /** Ends the subscriber's stream. */
  close(): void
}

/** The registry of the subscribers of one kind of live stream at this node, by key: the id of a room or a user. */
export class Subscribers<S extends Closable> {
  readonly #byKey = new Map<string, Set<S>>()

  /** Number of keys with at least one subscriber. */
  get size(): number {
    return this.#byKey.size
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** Number of subscribers of a key. */
  count(key: string): number {
    return this.#byKey.get(key)?.size ?? 0
  }

  of(key: string): Iterable<S> {
    return this.#byKey.get(key) ?? NONE
  }

  all(): S[] {
    return [...this.#byKey.values()].flatMap((subscribers) => [...subscribers])
  }

  /** Registers a subscriber. Returns a function that removes it and may be called more than once. */
  add(key: string, subscriber: S): () => void {
    const subscribers = this.#byKey.get(key) ?? new Set()
    this.#byKey.set(key, subscribers.add(subscriber))
    return () => this.remove(key, subscriber)
  }

  /** Removes a subscriber, if it is registered. */
  remove(key: string, subscriber: S): void {
    const subscribers = this.#byKey.get(key)
    subscribers?.delete(subscriber)
    if (subscribers?.size === 0) this.#byKey.delete(key)
  }

  /** The current keys in batches, for periodic checks with one statement per batch. */
  keyBatches(size: number): Iterable<readonly string[]> {
    return batches([...this.#byKey.keys()], size)
  }

  /** The current subscribers in batches, like {@link keyBatches}. */
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
