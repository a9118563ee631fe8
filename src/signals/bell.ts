/** Says "there may be something new" to one listener: rung however often, it is heard once. */
export class Bell {
  #rung = false
  #closed = false
  #wake: (() => void) | undefined

  get closed(): boolean {
    return this.#closed
  }

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Rings for the last time. */
  close(): void {
    this.#closed = true
    this.ring()
  }

  /** Resolves when it has been rung since it was last heard. */
  async heard(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#rung = false
    this.#wake = undefined
  }
}
