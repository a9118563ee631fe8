import { RtcError, toRtcError } from '../errors.ts'
import { DeviceChoice } from './device-choice.ts'
import type { MediaHost, MediaSource } from './media.ts'
import type { HostReporter } from './host-reporter.ts'

/** A device or screen opened by a vendor's SDK. */
export interface Capture {
  /** The current track; changes with the device. Undefined if the vendor does not expose it. */
  mediaStreamTrack(): MediaStreamTrack | undefined
  publish(): Promise<unknown>
  unpublish(): Promise<unknown>
  /** @throws RtcError */
  selectDevice(deviceId: string): Promise<unknown>
  /** Releases the device; idempotent. */
  stop(): unknown
}

/** @throws RtcError if the device cannot be opened */
export type OpenCapture = (source: MediaSource, deviceId: string | undefined) => Promise<Capture>

/** Publishes through a vendor's SDK. A device is open only while it is published. */
export class Publisher {
  readonly #host: MediaHost
  readonly #reporter: HostReporter
  readonly #open: OpenCapture
  readonly #captures = new Map<MediaSource, Capture>()
  /** Every open capture, including those not yet, or no longer, published. */
  readonly #openCaptures = new Set<Capture>()
  readonly #devices: DeviceChoice

  constructor(host: MediaHost, reporter: HostReporter, open: OpenCapture) {
    this.#host = host
    this.#reporter = reporter
    this.#open = open
    this.#devices = new DeviceChoice((source, deviceId) => host.deviceFallback(source, deviceId))
  }

  publishes(source: MediaSource): boolean {
    return this.#captures.has(source)
  }

  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    if (enabled === this.publishes(source)) return
    await (enabled ? this.#start(source) : this.#stop(source))
  }

  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    const capture = this.#captures.get(source)
    try {
      await capture?.selectDevice(deviceId)
    } catch (error) {
      // Some vendors release the old device before they open the new one.
      if (capture?.mediaStreamTrack()?.readyState === 'ended') await this.#reopen(source)
      throw error
    }
    this.#devices.choose(source, deviceId)
    if (capture && this.#reporter.isEnded) await this.#release(capture)
    this.refresh(source)
  }

  /** Reports the current track of a source, which may have been replaced. */
  refresh(source: MediaSource): void {
    const mediaStreamTrack = this.#captures.get(source)?.mediaStreamTrack()
    if (!mediaStreamTrack) return
    this.#reporter.setTrack(keyOf(source), {
      userId: this.#host.connection.userId,
      source,
      kind: source === 'microphone' ? 'audio' : 'video',
      local: true,
      mediaStreamTrack,
    })
  }

  /** The source ended by itself: the browser's "stop sharing", an unplugged device. */
  async ended(source: MediaSource): Promise<void> {
    if (!this.#captures.has(source)) return
    const stopped = this.#stop(source)
    // Reported at once: a vendor that loses the connection ends the sources first.
    this.#reporter.unpublished(source)
    await stopped.catch((error: unknown) => this.#reporter.failed(`the ${source} has ended`, error))
  }

  /** Releases every device; ignores the vendor's errors. */
  async close(): Promise<void> {
    this.#captures.clear()
    await Promise.all([...this.#openCaptures].map((capture) => this.#release(capture)))
  }

  async #reopen(source: MediaSource): Promise<void> {
    try {
      await this.#stop(source)
      await this.#start(source)
    } catch {
      // The caller of `selectDevice` receives the original error.
      this.#reporter.unpublished(source)
    }
  }

  async #start(source: MediaSource): Promise<void> {
    this.#assertOpen()
    const capture = await this.#devices.open(source, (deviceId) => this.#open(source, deviceId))
    this.#openCaptures.add(capture)
    try {
      // The connection may have ended while the user was asked for permission.
      this.#assertOpen()
      await capture.publish()
      this.#assertOpen()
    } catch (error) {
      await this.#release(capture)
      throw toRtcError(error, 'MEDIA_FAILED', `the ${source} cannot be published`)
    }
    this.#captures.set(source, capture)
    this.refresh(source)
    if (capture.mediaStreamTrack()?.readyState === 'ended') await this.ended(source)
  }

  async #stop(source: MediaSource): Promise<void> {
    const capture = this.#captures.get(source)
    if (!capture) return
    this.#captures.delete(source)
    this.#reporter.removeTrack(keyOf(source))
    try {
      await capture.unpublish()
    } catch (error) {
      throw toRtcError(error, 'MEDIA_FAILED', `the ${source} cannot be unpublished`)
    } finally {
      await this.#release(capture)
    }
  }

  async #release(capture: Capture): Promise<void> {
    this.#openCaptures.delete(capture)
    await ignoreErrors(() => capture.stop())
  }

  #assertOpen(): void {
    if (this.#reporter.isEnded) throw new RtcError('MEDIA_FAILED', 'the connection to the media provider has ended')
  }
}

/** For cleanup, where nobody can handle the error. */
export async function ignoreErrors(act: () => unknown): Promise<void> {
  try {
    await act()
  } catch {
    // Ignored on purpose.
  }
}

function keyOf(source: MediaSource): string {
  return `local/${source}`
}
