import type { KeptTexts } from '../core/kept-texts.ts'
import type { RoomUpdate } from './event.ts'

/** The serialised message of one update; a promise if a field has to be fetched. */
export type Payload = Buffer | Promise<Buffer>

/** How the subscribers of a group see an update: the selection and, where it matters, the viewer. */
export interface View {
  /** Identifies the selection, regardless of the viewer. The limits count views of the same name as one. */
  readonly name: string
  /** Equal for subscribers whose messages are identical. */
  readonly key: string
  /**
   * Returns a function that creates messages, synchronously unless a field has to be fetched. With `kept`, it writes what a
   * room's successive updates have in common once.
   */
  create(): (update: RoomUpdate, kept?: KeptTexts) => Payload
}

/** Maximum bytes of messages that are cached for subscribers who resume shortly after a disconnect. */
const CACHE_BYTES = 16 * 1024 * 1024

/** The messages of one view in all rooms, each created once for the live subscribers and once for those who resume. */
export class SharedView {
  readonly name: string
  readonly key: string
  readonly #render: ReturnType<View['create']>
  readonly #cache: PayloadCache
  readonly #payloads = new Map<RoomUpdate, Payload>()
  subscribers = 0

  constructor(view: View, cache: PayloadCache) {
    this.name = view.name
    this.key = view.key
    this.#render = view.create()
    this.#cache = cache
  }

  /**
   * The message of an update. Its group requests it once, `live`, and it is not cached then: most updates are never resumed
   * from, and the first of the subscribers who do resume caches it for the others.
   */
  payloadOf(
    update: RoomUpdate,
    { live, kept }: { readonly live: boolean; readonly kept: KeptTexts | undefined },
  ): Payload {
    const known = this.#payloads.get(update)
    if (known) return known
    const payload = this.#render(update, kept)
    if (payload instanceof Promise) {
      this.#payloads.set(update, payload)
      payload.then(
        (ready) => this.#store(update, ready),
        () => this.#payloads.delete(update),
      )
    } else if (!live) this.#store(update, payload)
    return payload
  }

  #store(update: RoomUpdate, payload: Buffer): void {
    this.#payloads.set(update, withOwnMemory(payload))
    // The cached update also retains its state of the room.
    const bytes = payload.length + 1024 + 16 * update.room.participants.length
    this.#cache.add(bytes, () => this.#payloads.delete(update))
  }
}

/** A copy that does not keep a slab of Node's pool of buffers: https://nodejs.org/api/buffer.html#bufferpoolsize */
function withOwnMemory(payload: Buffer): Buffer {
  if (payload.buffer.byteLength === payload.length) return payload
  const own = Buffer.allocUnsafeSlow(payload.length)
  payload.copy(own)
  return own
}

/** Bounds the bytes of all cached messages; the oldest is evicted first. */
export class PayloadCache {
  /** Undefined once evicted: an entry holds its update, and with it a state of the room. */
  #entries: ({ readonly bytes: number; readonly evict: () => void } | undefined)[] = []
  #first = 0
  #bytes = 0

  add(bytes: number, evict: () => void): void {
    this.#entries.push({ bytes, evict })
    this.#bytes += bytes
    while (this.#bytes > CACHE_BYTES) this.#evictOldest()
    if (this.#first > 1024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }

  #evictOldest(): void {
    const oldest = this.#entries[this.#first]
    this.#entries[this.#first] = undefined
    this.#first += 1
    if (!oldest) return
    this.#bytes -= oldest.bytes
    oldest.evict()
  }
}
