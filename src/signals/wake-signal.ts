/** A wake-up for one waiting loop: any number of notifications between two waits count as one. */
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

  /** Notifies for the last time. */
  close(): void {
    this.#closed = true
    this.notify()
  }

  /** Resolves when there has been a notification since the last wait. */
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
