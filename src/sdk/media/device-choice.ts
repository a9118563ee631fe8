import { RtcError } from '../errors.ts'
import type { MediaSource } from './media.ts'

/** The selected camera and microphone. If a selected device is gone, the browser's default one is opened instead. */
export class DeviceChoice {
  readonly #ids = new Map<MediaSource, string>()
  readonly #onFallback: (source: 'camera' | 'microphone', deviceId: string) => void

  /** @param onFallback - the default device was opened, because this selected one is gone */
  constructor(onFallback: (source: 'camera' | 'microphone', deviceId: string) => void) {
    this.#onFallback = onFallback
  }

  choose(source: 'camera' | 'microphone', deviceId: string): void {
    this.#ids.set(source, deviceId)
  }

  /**
   * Opens the selected device, or else the default one.
   *
   * @throws what `open` throws
   */
  async open<Opened>(source: MediaSource, open: (deviceId: string | undefined) => Promise<Opened>): Promise<Opened> {
    const deviceId = this.#ids.get(source)
    if (deviceId === undefined || source === 'screen') return open(undefined)
    try {
      return await open(deviceId)
    } catch (error) {
      if (!(error instanceof RtcError && error.code === 'DEVICE_NOT_FOUND')) throw error
    }
    const opened = await open(undefined)
    this.#ids.delete(source)
    this.#onFallback(source, deviceId)
    return opened
  }
}
