/** The same user's other tabs in this browser, who are told when a call begins or ends here. */
export class TabChannel {
  readonly #channel: BroadcastChannel

  constructor(userId: string, onChange: () => void) {
    this.#channel = new BroadcastChannel(`calls of ${userId}`)
    this.#channel.addEventListener('message', onChange)
  }

  announceChange(): void {
    // A channel has no target: it is of this origin alone.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#channel.postMessage('changed')
  }

  close(): void {
    this.#channel.close()
  }
}
