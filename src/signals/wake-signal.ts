/** Says "there may be something new" to one listener: rung however often, it is heard once. */
export class WakeSignal {
  #rung = false
  #closed = false
  #wake: (() => void) | undefined

  get closed(): boolean {
    return this.#closed
  }

  notify(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Rings for the last time. */
  close(): void {
    this.#closed = true
    this.notify()
  }

  /** Resolves when it has been rung since it was last heard. */
  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#rung = false
    this.#wake = undefined
  }
}
