/** The user of a client and their credentials. */
export interface AuthOptions {
  /** The user's id; must equal the token's subject. If not, a warning is logged and the token decides. */
  readonly uid: string
  /** A [JWT](https://www.rfc-editor.org/rfc/rfc7519) that the gateway accepts, without `Bearer`. */
  readonly token: string
  /**
   * Called when the gateway refuses the token in use; returns the next one. Concurrent requests share one call. If it
   * fails as `fetch` does without a network, or with an RtcError UNREACHABLE, it is called again later; any other
   * failure becomes UNAUTHENTICATED. Without it, every method throws UNAUTHENTICATED once the token has expired.
   */
  readonly refreshToken?: () => string | Promise<string>
}

/** Holds the current token. Concurrent requests share one call of `refreshToken` after a refusal. */
export class Auth {
  readonly #options: AuthOptions
  #token: string
  #refused = false
  #refreshing: Promise<string> | undefined

  constructor(options: AuthOptions) {
    this.#options = options
    this.#token = options.token
  }

  /** The current token, even if it was refused. */
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

  /** Marks this token as refused: the next call of `token` refreshes it, if the application can. */
  refuse(token: string): void {
    if (token === this.#token) this.#refused = true
  }

  async #refresh(refreshToken: () => string | Promise<string>): Promise<string> {
    this.#token = await refreshToken()
    this.#refused = false
    return this.#token
  }
}
