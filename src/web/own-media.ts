import type { MediaSource, OpenChatClient, Track } from '../sdk/index.ts'
import { recallCall, rememberCall } from './call-memory.ts'
import type { NoticeBoard } from './notice-board.ts'
import type { PhoneState } from './phone-state.ts'
import { lostSentence } from './sentences.ts'
import type { Store } from './store.ts'

interface OwnMediaOptions {
  readonly userId: string
  readonly rtc: OpenChatClient['rtc']
  readonly store: Store<PhoneState>
  readonly notices: NoticeBoard
}

/** What this user publishes from this page, and with which devices. */
export class OwnMedia {
  readonly #options: OwnMediaOptions
  /** Sources that the user is switching: their tracks go because they were asked to. */
  readonly #switching = new Set<MediaSource>()

  constructor(options: OwnMediaOptions) {
    this.#options = options
  }

  /** Publishes a source, or ceases to. */
  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    const { rtc } = this.#options
    const enable = {
      microphone: () => rtc.enableMicrophone(enabled),
      camera: () => rtc.enableCamera(enabled),
      screen: () => rtc.enableScreenShare(enabled),
    }
    await this.#switchSource(source, enable[source])
  }

  /** As `publish`, and so again after a reload. */
  async publishAndRemember(source: MediaSource, enabled: boolean): Promise<void> {
    const remembered = recallCall(this.#options.userId)
    const others = remembered?.sources.filter((other) => other !== source) ?? []
    if (remembered && source !== 'screen') {
      rememberCall({ ...remembered, sources: enabled ? [...others, source] : others })
    }
    await this.publish(source, enabled)
  }

  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    await this.#switchSource(source, () => this.#options.rtc.selectDevice(source, deviceId))
  }

  /** A device was unplugged, unless the user has switched it off or the call is over, which shows a moment later. */
  onTrackRemoved({ source }: Track): void {
    const { rtc, notices } = this.#options
    const { room } = rtc
    if (source === 'screen' || this.#switching.has(source)) return
    queueMicrotask(() => {
      if (room === undefined || rtc.room?.id !== room.id) return
      if (rtc.tracks.some((track) => track.local && track.source === source)) return
      notices.add({ code: 'DEVICE_LOST', source, text: [lostSentence(source)] })
    })
  }

  async #switchSource(source: MediaSource, work: () => Promise<unknown>): Promise<void> {
    const { rtc, notices } = this.#options
    notices.dismissWhere((notice) => notice.source === source)
    const { room } = rtc
    this.#switching.add(source)
    await notices.attempt(async () => {
      try {
        await work()
      } catch (error) {
        // Whoever hangs up while the browser asks for a device knows why there is none.
        if (rtc.room?.id === room?.id) throw error
      }
    }, source)
    this.#switching.delete(source)
    await this.#listDevices()
  }

  async #listDevices(): Promise<void> {
    const { rtc, store, notices } = this.#options
    await notices.attempt(async () => store.update({ devices: await rtc.listDevices() }))
  }
}
