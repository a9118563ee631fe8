import { ALWAYS, type Interest } from './interest.ts'

/** A subscriber as used by the registry. */
interface Closable {
  /** Ends the subscriber's stream. */
  close(): void
}

/** The registry of the subscribers of one kind of live stream at this node, by key: the id of a room or a user. */
export class Subscribers<S extends Closable> {
  readonly #byKey = new Map<string, Set<S>>()
  readonly #interests = new Map<string, Interest>()
  readonly #watch: (key: string) => Interest

  /** @param watch - requests the notices about a key, while it has subscribers */
  constructor(watch: (key: string) => Interest) {
    this.#watch = watch
  }

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

  /** Resolves when notices about a key with subscribers arrive; undefined if they already do. */
  ready(key: string): Promise<void> | undefined {
    return this.#interests.get(key)?.ready
  }

  of(key: string): Iterable<S> {
    return this.#byKey.get(key) ?? NONE
  }

  all(): S[] {
    return [...this.#byKey.values()].flatMap((subscribers) => [...subscribers])
  }

  /** Registers a subscriber. Returns a function that removes it and may be called more than once. */
  add(key: string, subscriber: S): () => void {
    const subscribers = this.#byKey.get(key) ?? this.#addKey(key)
    subscribers.add(subscriber)
    return () => this.remove(key, subscriber)
  }

  /** Removes a subscriber, if it is registered. */
  remove(key: string, subscriber: S): void {
    const subscribers = this.#byKey.get(key)
    subscribers?.delete(subscriber)
    if (subscribers?.size === 0) this.#removeKey(key)
  }

  #addKey(key: string): Set<S> {
    const subscribers = new Set<S>()
    this.#byKey.set(key, subscribers)
    const interest = this.#watch(key)
    if (interest !== ALWAYS) this.#interests.set(key, interest)
    return subscribers
  }

  #removeKey(key: string): void {
    this.#byKey.delete(key)
    this.#interests.get(key)?.release()
    this.#interests.delete(key)
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
    for (const key of this.#byKey.keys()) this.#removeKey(key)
  }
}

const NONE: readonly never[] = []

function* batches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
