/** A pending request to the user for a new token. */
export class TokenRequest {
  readonly #onAsk: () => void
  #asked: { readonly give: (token: string) => void; readonly refuse: (reason: Error) => void } | undefined

  constructor(onAsk: () => void) {
    this.#onAsk = onAsk
  }

  ask(): Promise<string> {
    return new Promise((give, refuse) => {
      this.#asked = { give, refuse }
      this.#onAsk()
    })
  }

  give(token: string): void {
    this.#asked?.give(token)
    this.#asked = undefined
  }

  /** Rejects the pending request. */
  withdraw(): void {
    this.#asked?.refuse(new Error('The request for a new token was withdrawn.'))
    this.#asked = undefined
  }
}
