import type { Gateway } from './gateway.ts'
import { UpdateParticipantDocument } from './generated/graphql.ts'
import type { MediaSource } from './media/media.ts'

interface PublishedMedia {
  readonly audio: boolean
  readonly video: boolean
}

export interface MediaAnnouncerOptions {
  readonly gateway: Gateway
  readonly roomId: string
  /** What the gateway has stored. */
  readonly announced: PublishedMedia
  /** A background announcement failed. Must not throw. */
  onError(error: unknown): void
}

/** Tells the gateway whether this participant publishes audio and video; the latest state wins. */
export class MediaAnnouncer {
  readonly #options: MediaAnnouncerOptions
  readonly #stopped = new AbortController()
  #wanted = { audio: false, video: false }
  #announced: PublishedMedia
  #announcing: Promise<void> | undefined

  constructor(options: MediaAnnouncerOptions) {
    this.#options = options
    this.#announced = options.announced
  }

  /** What the gateway has stored. */
  get announced(): PublishedMedia {
    return this.#announced
  }

  setPublished(source: MediaSource, enabled: boolean): void {
    if (source === 'microphone') this.#wanted.audio = enabled
    if (source === 'camera') this.#wanted.video = enabled
  }

  /** Sends the current state; retries until the gateway has it. Concurrent calls share one request. */
  announce(): Promise<void> {
    this.#announcing ??= this.#announceUntilCurrent().finally(() => {
      this.#announcing = undefined
    })
    return this.#announcing
  }

  announceInBackground(): void {
    this.announce().catch((error: unknown) => this.#options.onError(error))
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #announceUntilCurrent(): Promise<void> {
    const { gateway, roomId } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const { audio, video } = this.#wanted
      if (audio === this.#announced.audio && video === this.#announced.video) return
      try {
        const input = { roomId, audio, video }
        await gateway.request(UpdateParticipantDocument, { input }, { retryFor: Infinity, signal })
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      this.#announced = { audio, video }
    }
  }
}
