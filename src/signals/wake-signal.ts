/** Wakes a waiting loop. Notifications between two waits are coalesced into one. */
export class WakeSignal {
  #notified = false
  #closed = false
  #wake: (() => void) | undefined

  get closed(): boolean {
    return this.#closed
  }

  notify(): void {
    this.#notified = true
    this.#wake?.()
  }

  /** Wakes the loop a last time, so that it sees `closed`. */
  close(): void {
    this.#closed = true
    this.notify()
  }

  /** Resolves as soon as there was a notification since the last wait. */
  async wait(): Promise<void> {
    if (!this.#notified) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#notified = false
    this.#wake = undefined
  }
}
