/** Asks the one at the page for another token, once however many requests wait for it. */
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

  /** Nobody is there to give one. */
  withdraw(): void {
    this.#asked?.refuse(new Error('The page asks for no other token any more.'))
    this.#asked = undefined
  }
}
