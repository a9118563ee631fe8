import { RtcError, toRtcError } from '../errors.ts'
import type { ConnectionState, MediaHost, MediaSource, Track } from './media.ts'

/** Milliseconds. Some vendors go on for ever where nothing answers. */
const JOIN_TIMEOUT = 30_000

/**
 * What the one connection of a vendor's engine tells its host. Everything is told once: a track that came goes, a
 * state that stays is silent, and nothing follows the end.
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

  /** The session was closed or the connection lost. */
  get isEnded(): boolean {
    return this.#ended
  }

  setState(state: ConnectionState): void {
    if (this.#ended || state === this.#state) return
    this.#state = state
    this.#host.stateChanged(null, state)
  }

  /** A track is there, in the place of what was there under the same key. */
  setTrack(key: string, track: Track): void {
    const previous = this.#tracks.get(key)
    if (this.#ended || previous?.mediaStreamTrack === track.mediaStreamTrack) return
    this.removeTrack(key)
    this.#tracks.set(key, track)
    this.#host.trackAdded(track)
  }

  /** A track that is there already has become another one, as after a reconnection. */
  replaceTrack(key: string, mediaStreamTrack: MediaStreamTrack): void {
    const track = this.#tracks.get(key)
    if (track) this.setTrack(key, { ...track, mediaStreamTrack })
  }

  /** A track of somebody's that takes a subscription; if it goes meanwhile it never was. */
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

  /** Somebody has left with all that they published. */
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
   * Until the vendor has let one join, the loss of the connection is the failure of joining, and not reported.
   *
   * @throws what the vendor does, or RtcError MEDIA_FAILED after {@link JOIN_TIMEOUT}
   */
  async awaitJoin(join: () => Promise<unknown>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      await new Promise<unknown>((resolve, reject) => {
        this.#rejectJoin = reject
        timer = setTimeout(
          () => reject(new RtcError('MEDIA_FAILED', 'the media provider does not answer')),
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

  /** The vendor has ended the connection and will not try again. */
  lost(message: string, cause: unknown): void {
    if (this.#ended) return
    const error = toRtcError(cause, 'MEDIA_FAILED', message)
    const rejectJoin = this.#rejectJoin
    // What the vendor itself answers to joining says more, if it is about to.
    if (rejectJoin) return void setTimeout(() => rejectJoin(error))
    const sources = new Set([...this.#tracks.values()].filter((track) => track.local).map((track) => track.source))
    this.end()
    for (const source of sources) this.#host.unpublished(source)
    this.#host.failed(error)
  }

  /** Removes every track; the last thing that is told. */
  end(): void {
    if (this.#ended) return
    for (const key of this.#tracks.keys()) this.removeTrack(key)
    this.setState('disconnected')
    this.#ended = true
  }
}
