import { RtcError, toRtcError } from '../errors.ts'
import type { ConnectionState, MediaHost, MediaSource, Track } from './media.ts'

/** Milliseconds. Some vendors retry without limit when no server answers. */
const JOIN_TIMEOUT = 30_000

/**
 * Reports the events of a vendor's connection to the media host, without duplicates: every added track is removed once,
 * repeated states are dropped, and nothing is reported after the end.
 */
export class HostReporter {
  readonly #host: MediaHost
  readonly #tracks = new Map<string, Track>()
  /** Subscriptions under way, by the key of their track. */
  readonly #pending = new Map<string, { readonly userId: string }>()
  #state: ConnectionState | undefined
  #rejectJoin: ((error: unknown) => void) | undefined
  #ended = false

  constructor(host: MediaHost) {
    this.#host = host
  }

  /** Whether the session was closed or its connection lost. */
  get isEnded(): boolean {
    return this.#ended
  }

  setState(state: ConnectionState): void {
    if (this.#ended || state === this.#state) return
    this.#state = state
    this.#host.stateChanged(null, state)
  }

  /** Adds a track; replaces the one with the same key. */
  setTrack(key: string, track: Track): void {
    const previous = this.#tracks.get(key)
    if (this.#ended || previous?.mediaStreamTrack === track.mediaStreamTrack) return
    this.removeTrack(key)
    this.#tracks.set(key, track)
    this.#host.trackAdded(track)
  }

  /** Replaces the media of a known track, as after a reconnection. */
  replaceTrack(key: string, mediaStreamTrack: MediaStreamTrack): void {
    const track = this.#tracks.get(key)
    if (track) this.setTrack(key, { ...track, mediaStreamTrack })
  }

  /** Subscribes to a remote track and adds it, unless it was removed meanwhile. */
  async trackSubscription(key: string, userId: string, subscribe: () => Promise<Track>): Promise<void> {
    const subscription = { userId }
    this.#pending.set(key, subscription)
    try {
      const track = await subscribe()
      if (this.#pending.get(key) === subscription) this.setTrack(key, track)
    } catch (error) {
      if (this.#pending.get(key) === subscription) this.failed(`cannot subscribe to ${userId}`, error)
    } finally {
      if (this.#pending.get(key) === subscription) this.#pending.delete(key)
    }
  }

  removeTrack(key: string): void {
    this.#pending.delete(key)
    const track = this.#tracks.get(key)
    if (!track) return
    this.#tracks.delete(key)
    this.#host.trackRemoved(track)
  }

  /** Removes all tracks and pending subscriptions of a user. */
  removeUser(userId: string): void {
    for (const [key, pending] of this.#pending) if (pending.userId === userId) this.removeTrack(key)
    for (const [key, track] of this.#tracks) if (track.userId === userId && !track.local) this.removeTrack(key)
  }

  unpublished(source: MediaSource): void {
    if (!this.#ended) this.#host.unpublished(source)
  }

  failed(message: string, cause: unknown): void {
    if (!this.#ended) this.#host.failed(toRtcError(cause, 'MEDIA_FAILED', message))
  }

  /**
   * Runs the join. Until it succeeds, a lost connection rejects it instead of being reported.
   *
   * @throws what the vendor throws, or RtcError MEDIA_FAILED after {@link JOIN_TIMEOUT}
   */
  async awaitJoin(join: () => Promise<unknown>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      await new Promise<unknown>((resolve, reject) => {
        this.#rejectJoin = reject
        timer = setTimeout(
          () => reject(new RtcError('MEDIA_FAILED', 'the media provider does not respond')),
          JOIN_TIMEOUT,
        )
        join().then(resolve, reject)
      })
    } finally {
      clearTimeout(timer)
      this.#rejectJoin = undefined
    }
    this.setState('connected')
  }

  /** The vendor has ended the connection and does not retry. */
  lost(message: string, cause: unknown): void {
    if (this.#ended) return
    const error = toRtcError(cause, 'MEDIA_FAILED', message)
    const rejectJoin = this.#rejectJoin
    // Deferred: the vendor's own rejection of the join, if it follows, is more specific.
    if (rejectJoin) return void setTimeout(() => rejectJoin(error))
    const sources = new Set([...this.#tracks.values()].filter((track) => track.local).map((track) => track.source))
    this.end()
    for (const source of sources) this.#host.unpublished(source)
    this.#host.failed(error)
  }

  /** Removes every track and ends reporting. */
  end(): void {
    if (this.#ended) return
    for (const key of this.#tracks.keys()) this.removeTrack(key)
    this.setState('disconnected')
    this.#ended = true
  }
}
