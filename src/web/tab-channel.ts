/** Notifies the user's other tabs in this browser when a call starts or ends here. */
export class TabChannel {
  readonly #channel: BroadcastChannel

  constructor(userId: string, onChange: () => void) {
    this.#channel = new BroadcastChannel(`calls of ${userId}`)
    this.#channel.addEventListener('message', onChange)
  }

  announceChange(): void {
    // A BroadcastChannel has no target origin; it is limited to its own.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#channel.postMessage('changed')
  }

  close(): void {
    this.#channel.close()
  }
}
