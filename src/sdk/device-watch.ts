import type { Emitter } from './events.ts'
import { listDevices } from './media/capture.ts'

/** Emits `devicesChanged` when a camera or microphone is plugged in or out, while it is started. */
export class DeviceWatch {
  readonly #emitter: Emitter
  #stop: (() => void) | undefined

  constructor(emitter: Emitter) {
    this.#emitter = emitter
  }

  start(): void {
    const devices = (globalThis.navigator as Partial<Navigator> | undefined)?.mediaDevices
    if (this.#stop || !devices) return
    const changed = () => void this.#emitDevices()
    devices.addEventListener('devicechange', changed)
    this.#stop = () => devices.removeEventListener('devicechange', changed)
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  async #emitDevices(): Promise<void> {
    // If listing fails now, the next change tries again.
    const devices = await listDevices().catch(() => undefined)
    if (devices && this.#stop) this.#emitter.emit('devicesChanged', { devices })
  }
}
