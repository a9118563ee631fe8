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

/** Publishes this user's camera, microphone and screen, and selects the devices. */
export class OwnMedia {
  readonly #options: OwnMediaOptions
  /** Sources that the user is switching: removing their tracks is not a lost device. */
  readonly #switching = new Set<MediaSource>()

  constructor(options: OwnMediaOptions) {
    this.#options = options
  }

  /** Publishes a source, or stops publishing it. */
  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    const { rtc } = this.#options
    const enable = {
      microphone: () => rtc.enableMicrophone(enabled),
      camera: () => rtc.enableCamera(enabled),
      screen: () => rtc.enableScreenShare(enabled),
    }
    await this.#switchSource(source, enable[source])
  }

  /** As `publish`; a reloaded page restores the choice. */
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

  /** Adds a notice if a device was unplugged. Deferred: when a call ends, its tracks are removed before its room. */
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
        // Ignore device errors after hang-up: the user left while the browser was asking for permission.
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
