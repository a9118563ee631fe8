import type { Auth } from './auth.ts'
import { backoff, deadline, pause } from './backoff.ts'
import { type ErrorCode, GATEWAY_ERROR_CODES, type InputProblem, RtcError, toRtcError } from './errors.ts'
import type { TypedDocumentString } from './generated/graphql.ts'

export interface GatewayOptions {
  /** URL of the GraphQL endpoint. */
  readonly url: string
  readonly auth: Auth
}

export interface RequestOptions {
  /** Milliseconds for which to retry while the gateway cannot be reached. @default 8_000 */
  readonly retryFor?: number
  /** Stops retrying. */
  readonly signal?: AbortSignal
}

/** Milliseconds. */
const RETRY_FOR = 8_000
const ANSWER_TIMEOUT = 10_000

/** Errors worth a retry. Every operation of the gateway is idempotent. */
const RETRYABLE: readonly ErrorCode[] = ['UNREACHABLE', 'UNAVAILABLE', 'RATE_LIMITED']

export const isRetryable = (error: unknown): boolean => error instanceof RtcError && RETRYABLE.includes(error.code)

/** GraphQL over HTTP; retries transient errors and refreshes an expired token once. */
export class Gateway {
  readonly #options: GatewayOptions

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** @throws RtcError with the gateway's code; UNREACHABLE when no answer arrives in time */
  async request<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    { retryFor = RETRY_FOR, signal }: RequestOptions = {},
  ): Promise<Result> {
    const deadline = Date.now() + retryFor
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#withFreshToken(document, variables)
      } catch (error) {
        const wait = retryAfterOf(error) ?? backoff(attempt)
        if (!isRetryable(error) || Date.now() + wait > deadline || signal?.aborted) throw error
        await pause(wait, signal)
        if (signal?.aborted) throw error
      }
    }
  }

  /**
   * Sends with the current token, even while the page unloads; the outcome is unknown.
   * https://fetch.spec.whatwg.org/#request-keepalive-flag
   */
  sendAndForget<Variables>(document: TypedDocumentString<unknown, Variables>, variables: Variables): void {
    const { url, auth } = this.#options
    const body = JSON.stringify(toRequest(document, variables))
    fetch(url, { method: 'POST', headers: headersOf(auth.current), body, keepalive: true }).catch(() => undefined)
  }

  /** Sends; after UNAUTHENTICATED once more with a refreshed token, if the application can refresh it. */
  async #withFreshToken<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables) {
    const { auth } = this.#options
    const token = await tokenOf(auth)
    try {
      return await this.#send(document, variables, token)
    } catch (error) {
      if (!(error instanceof RtcError) || error.code !== 'UNAUTHENTICATED' || !auth.canRefresh) throw error
      auth.refuse(token)
      return this.#send(document, variables, await tokenOf(auth))
    }
  }

  async #send<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    token: string,
  ): Promise<Result> {
    const { data, errors } = await this.#post<Result>(toRequest(document, variables), token)
    if (errors?.[0]) throw gatewayError(errors)
    if (!data) throw new RtcError('UNREACHABLE', 'The response is not that of an RTC gateway.')
    return data
  }

  async #post<Result>(body: object, token: string): Promise<GraphQLAnswer<Result>> {
    const { url } = this.#options
    const text = toJson(body)
    const { signal, clear } = deadline(ANSWER_TIMEOUT)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: headersOf(token),
        body: text,
        signal,
      })
      // Not JSON: a proxy answers with an HTML page while the gateway restarts.
      return (await response.json()) as GraphQLAnswer<Result>
    } catch (error) {
      throw toRtcError(error, 'UNREACHABLE', `The gateway at ${url} cannot be reached`)
    } finally {
      clear()
    }
  }
}

/** @throws RtcError BAD_USER_INPUT for values that JSON cannot represent */
function toJson(body: object): string {
  try {
    return JSON.stringify(body)
  } catch (error) {
    throw toRtcError(error, 'BAD_USER_INPUT')
  }
}

/** Contains the query text and its id; a gateway that serves only trusted documents looks up the id. */
export const toRequest = <Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
) => ({
  query: document.toString(),
  // oxlint-disable-next-line no-underscore-dangle -- graphql-codegen's name
  documentId: document.__meta__?.['hash'] as string | undefined,
  variables,
})

const headersOf = (token: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/graphql-response+json, application/json',
})

/** @throws RtcError UNAUTHENTICATED when `refreshToken` fails, UNREACHABLE when it fails for a network error */
export async function tokenOf(auth: Auth): Promise<string> {
  try {
    return await auth.token()
  } catch (error) {
    throw isNetworkFailure(error)
      ? toRtcError(error, 'UNREACHABLE', 'refreshToken could not reach its server')
      : toRtcError(error, 'UNAUTHENTICATED', 'refreshToken failed')
  }
}

/** Recognizes failures of `fetch` (TypeError, aborts) and of HTTP clients that report error codes. */
function isNetworkFailure(error: unknown): boolean {
  if (error instanceof TypeError) return true
  const { name, code } =
    typeof error === 'object' && error !== null ? (error as { name?: unknown; code?: unknown }) : {}
  if (name === 'NetworkError' || name === 'AbortError' || name === 'TimeoutError') return true
  return typeof code === 'string' && /^(E[A-Z]+|ERR_NETWORK|UND_ERR_\w+)$/.test(code)
}

interface GraphQLAnswer<Result> {
  readonly data?: Result | null
  readonly errors?: readonly GraphQLProblem[]
}

/** An entry of `errors` in a GraphQL response. */
export interface GraphQLProblem {
  readonly message: string
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
}

/** Converts the first error of a GraphQL response. */
export function gatewayError(problems: readonly GraphQLProblem[]): RtcError {
  const [first] = problems
  const { code, errors, retryAfter } = first?.extensions ?? {}
  const ownCode = GATEWAY_ERROR_CODES.find((known) => known === code) ?? 'INTERNAL'
  return new RtcError(ownCode, first?.message ?? 'The gateway gave no reason.', {
    ...(Array.isArray(errors) && { problems: errors as InputProblem[] }),
    retryAfter: typeof retryAfter === 'number' ? retryAfter : undefined,
  })
}

const retryAfterOf = (error: unknown): number | undefined =>
  error instanceof RtcError && error.retryAfter !== undefined ? error.retryAfter * 1000 : undefined
