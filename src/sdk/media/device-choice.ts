import { RtcError } from '../errors.ts'
import type { MediaSource } from './media.ts'

/** Which camera and which microphone were chosen. A device that has gone gives way to the browser's default. */
export class DeviceChoice {
  readonly #ids = new Map<MediaSource, string>()
  readonly #onFallback: (source: 'camera' | 'microphone', deviceId: string) => void

  /** @param onFallback - the default is open in the place of this device, which was chosen and is not there any more */
  constructor(onFallback: (source: 'camera' | 'microphone', deviceId: string) => void) {
    this.#onFallback = onFallback
  }

  choose(source: 'camera' | 'microphone', deviceId: string): void {
    this.#ids.set(source, deviceId)
  }

  /**
   * Opens the chosen device, or else the default one.
   *
   * @throws what opening does
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
