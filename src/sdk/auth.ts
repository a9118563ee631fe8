/** Who is using the client, and how they prove it. */
export interface AuthOptions {
  /** The user's id, as the token says it. */
  readonly uid: string
  /** A JWT that the gateway accepts, without `Bearer`. */
  readonly token: string
  /**
   * Gives the next token when the gateway does not take the present one any more. Without it the client stops working
   * when the token expires. If it fails as `fetch` does without a network, or with an RtcError UNREACHABLE, it is called
   * again later; any other failure means that there is no token, and is UNAUTHENTICATED.
   */
  readonly refreshToken?: () => string | Promise<string>
}

/** The token in use. A refused one is replaced by one call of the application's callback, however many are waiting. */
export class Auth {
  readonly #options: AuthOptions
  #token: string
  #refused = false
  #refreshing: Promise<string> | undefined

  constructor(options: AuthOptions) {
    this.#options = options
    this.#token = options.token
  }

  /** The token at hand, refused or not. */
  get current(): string {
    return this.#token
  }

  get canRefresh(): boolean {
    return this.#options.refreshToken !== undefined
  }

  /** @throws whatever the application's callback throws */
  async token(): Promise<string> {
    if (!this.#refused || !this.#options.refreshToken) return this.#token
    this.#refreshing ??= this.#refresh(this.#options.refreshToken).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** The gateway did not take this token: the next call of `token` gives another, if there is a way to one. */
  refuse(token: string): void {
    if (token === this.#token) this.#refused = true
  }

  async #refresh(refreshToken: () => string | Promise<string>): Promise<string> {
    this.#token = await refreshToken()
    this.#refused = false
    return this.#token
  }
}
