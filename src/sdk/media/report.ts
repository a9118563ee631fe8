import { RtcError, toRtcError } from '../errors.ts'
import type { ConnectionState, MediaHost, MediaSource, Track } from './media.ts'

/** Milliseconds. Some vendors go on for ever where nothing answers. */
const JOIN_TIMEOUT = 30_000

/**
 * What the one connection of a vendor's engine tells its host. Everything is told once: a track that came goes, a
 * state that stays is silent, and nothing follows the end.
 */
export class Report {
  readonly #host: MediaHost
  readonly #tracks = new Map<string, Track>()
  /** Subscriptions under way, by the key of their track. */
  readonly #awaited = new Map<string, { readonly userId: string }>()
  #state: ConnectionState | undefined
  #refuse: ((error: unknown) => void) | undefined
  #over = false

  constructor(host: MediaHost) {
    this.#host = host
  }

  /** The session was closed or the connection lost. */
  get over(): boolean {
    return this.#over
  }

  state(state: ConnectionState): void {
    if (this.#over || state === this.#state) return
    this.#state = state
    this.#host.stateChanged(null, state)
  }

  /** A track is there, in the place of what was there under the same key. */
  track(key: string, track: Track): void {
    const former = this.#tracks.get(key)
    if (this.#over || former?.mediaStreamTrack === track.mediaStreamTrack) return
    this.gone(key)
    this.#tracks.set(key, track)
    this.#host.trackAdded(track)
  }

  /** A track that is there already has become another one, as after a reconnection. */
  changed(key: string, mediaStreamTrack: MediaStreamTrack): void {
    const track = this.#tracks.get(key)
    if (track) this.track(key, { ...track, mediaStreamTrack })
  }

  /** A track of somebody's that takes a subscription; if it goes meanwhile it never was. */
  async subscribed(key: string, userId: string, subscribe: () => Promise<Track>): Promise<void> {
    const ticket = { userId }
    this.#awaited.set(key, ticket)
    try {
      const track = await subscribe()
      if (this.#awaited.get(key) === ticket) this.track(key, track)
    } catch (error) {
      if (this.#awaited.get(key) === ticket) this.failed(`cannot subscribe to ${userId}`, error)
    } finally {
      if (this.#awaited.get(key) === ticket) this.#awaited.delete(key)
    }
  }

  gone(key: string): void {
    this.#awaited.delete(key)
    const track = this.#tracks.get(key)
    if (!track) return
    this.#tracks.delete(key)
    this.#host.trackRemoved(track)
  }

  /** Somebody has left with all that they published. */
  userGone(userId: string): void {
    for (const [key, awaited] of this.#awaited) if (awaited.userId === userId) this.gone(key)
    for (const [key, track] of this.#tracks) if (track.userId === userId && !track.local) this.gone(key)
  }

  unpublished(source: MediaSource): void {
    if (!this.#over) this.#host.unpublished(source)
  }

  failed(message: string, cause: unknown): void {
    if (!this.#over) this.#host.failed(toRtcError(cause, 'MEDIA_FAILED', message))
  }

  /**
   * Until the vendor has let one join, the loss of the connection is the failure of joining, and not reported.
   *
   * @throws what the vendor does, or RtcError MEDIA_FAILED after {@link JOIN_TIMEOUT}
   */
  async joined(join: () => Promise<unknown>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      await new Promise<unknown>((resolve, reject) => {
        this.#refuse = reject
        timer = setTimeout(
          () => reject(new RtcError('MEDIA_FAILED', 'the media provider does not answer')),
          JOIN_TIMEOUT,
        )
        join().then(resolve, reject)
      })
    } finally {
      clearTimeout(timer)
      this.#refuse = undefined
    }
    this.state('connected')
  }

  /** The vendor has ended the connection and will not try again. */
  lost(message: string, cause: unknown): void {
    if (this.#over) return
    const error = toRtcError(cause, 'MEDIA_FAILED', message)
    const refuse = this.#refuse
    // What the vendor itself answers to joining says more, if it is about to.
    if (refuse) return void setTimeout(() => refuse(error))
    const sources = new Set([...this.#tracks.values()].filter((track) => track.local).map((track) => track.source))
    this.end()
    for (const source of sources) this.#host.unpublished(source)
    this.#host.failed(error)
  }

  /** Removes every track; the last thing that is told. */
  end(): void {
    if (this.#over) return
    for (const key of this.#tracks.keys()) this.gone(key)
    this.state('disconnected')
    this.#over = true
  }
}
