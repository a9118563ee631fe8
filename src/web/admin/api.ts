import { type Client, createClient } from 'graphql-ws'

/** An error that the gateway answered, with its code. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

interface Answer<Data> {
  readonly data?: Data | null
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[]
}

/** The socket's close code for a token that has expired, and for a user who was disconnected. */
const FORBIDDEN = 4403

/** The GraphQL API of the gateway that serves the page, as an administrator. */
export class Api {
  readonly #token: string
  readonly #socket: Client

  /** @param onRefused - called when the token is no longer accepted */
  constructor(token: string, onRefused: () => void) {
    this.#token = token
    const url = new URL('graphql', location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    this.#socket = createClient({
      url: url.href,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: Infinity,
      // The same token would be refused again.
      shouldRetry: (event) => !(event instanceof CloseEvent && event.code === FORBIDDEN),
      on: { closed: (event) => event instanceof CloseEvent && event.code === FORBIDDEN && onRefused() },
    })
  }

  /** @throws ApiError with the code of the first error, or UNREACHABLE */
  async request<Data>(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<Data> {
    const { data, errors } = await this.#post<Data>(JSON.stringify({ query, variables }))
    const [error] = errors ?? []
    if (error) throw new ApiError(error.extensions?.code ?? 'INTERNAL', error.message)
    if (!data) throw new ApiError('INTERNAL', 'The gateway answered without data.')
    return data
  }

  /** Calls back at every message, across reconnects, and at the end. */
  subscribe(
    query: string,
    variables: Readonly<Record<string, unknown>>,
    { next, onEnd }: { readonly next: () => void; readonly onEnd: () => void },
  ): () => void {
    return this.#socket.subscribe({ query, variables }, { next, error: onEnd, complete: onEnd })
  }

  close(): void {
    void this.#socket.dispose()
  }

  async #post<Data>(body: string): Promise<Answer<Data>> {
    try {
      const response = await fetch(new URL('graphql', location.href), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${this.#token}`,
        },
        body,
      })
      return (await response.json()) as Answer<Data>
    } catch (error) {
      throw new ApiError('UNREACHABLE', `The gateway cannot be reached: ${String(error)}`)
    }
  }
}
