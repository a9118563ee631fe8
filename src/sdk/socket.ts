import { type Client, CloseCode, createClient } from 'graphql-ws/client'
import type { Auth } from './auth.ts'
import { waitAtMost, backoff, pause } from './backoff.ts'
import { RtcError } from './errors.ts'
import { gatewayError, type GraphQLProblem, isRetryable, toRequest, tokenOf } from './gateway.ts'
import type { TypedDocumentString } from './generated/graphql.ts'
import type { ConnectionState } from './media/media.ts'

type Request = { readonly query: string; readonly documentId: string | undefined; readonly variables: object }

export interface SocketOptions {
  /** `ws://` or `wss://` address of the GraphQL endpoint. */
  readonly url: string
  readonly auth: Auth
  /** The connection state changed. Must not throw. */
  onState(state: ConnectionState): void
  /** A token was refused, or refreshToken failed; retried if the application can refresh. Must not throw. */
  onTokenError(error: RtcError): void
}

/** Receives the results of one subscription. Must not throw. */
export interface SubscriptionSink<Result> {
  next(result: Result): void
  /** The gateway refused the subscription for good. */
  refused(error: RtcError): void
}

/** Milliseconds: a half-open connection is detected within the sum of both. */
const PING_INTERVAL = 10_000
const PONG_TIMEOUT = 5_000
/** Milliseconds for which an idle socket stays open after its last subscription. */
const IDLE_CLOSE_DELAY = 3_000
const ACK_TIMEOUT = 10_000
const CLOSE_TIMEOUT = 1_000
/** Consecutive refused tokens after which the socket gives up. */
const MAX_TOKEN_REFUSALS = 3

/**
 * Subscriptions over one WebSocket, which is open while there are any. Lost connections and retryable errors are
 * retried without limit. The variables are read at each attempt, so an updated cursor resumes the stream.
 *
 * @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
 */
export class Socket {
  readonly #options: SocketOptions
  readonly #closing = new AbortController()
  #client: Promise<Client> | undefined
  /** The token of the last connection attempt. */
  #token = ''
  /** Tokens refused since the last one that was accepted. */
  #refusals = 0

  constructor(options: SocketOptions) {
    this.#options = options
  }

  /** @returns a function that unsubscribes; the sink is not called afterwards */
  subscribe<Result, Variables extends object>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    sink: SubscriptionSink<Result>,
  ): () => void {
    const ended = new AbortController()
    const unsubscribe = () => ended.abort()
    this.#closing.signal.addEventListener('abort', unsubscribe, { signal: ended.signal })
    void this.#runUntilEnded(toRequest(document, variables), sink, ended.signal).finally(unsubscribe)
    return unsubscribe
  }

  /** Ends every subscription and closes the connection. */
  async close(): Promise<void> {
    this.#closing.abort()
    // A pending connection is disposed of once it is open; the timeout covers one that never opens.
    await waitAtMost(CLOSE_TIMEOUT, this.#dispose())
  }

  async #dispose(): Promise<void> {
    try {
      const client = await this.#client
      await client?.dispose()
    } catch {
      // The connection was never created.
    }
  }

  async #runUntilEnded<Result>(payload: Request, sink: SubscriptionSink<Result>, ended: AbortSignal): Promise<void> {
    for (let attempt = 0; !ended.aborted; attempt += 1) {
      const failure = await this.#subscribeOnce(payload, ended, (result) => {
        attempt = 0
        sink.next(result as Result)
      })
      if (ended.aborted) return
      const canRetryWithNewToken = failure?.code === 'UNAUTHENTICATED' && !this.#isRefusalFinal
      if (failure && !isRetryable(failure) && !canRetryWithNewToken) return sink.refused(failure)
      // A completed stream is resubscribed: a sink that knows why it ended unsubscribes, any other gets an error.
      await pause(backoff(failure ? attempt : 1), ended)
    }
  }

  /** Resolves when the subscription ends: to the error, or to undefined if it was completed. */
  async #subscribeOnce(
    payload: Request,
    ended: AbortSignal,
    next: (result: unknown) => void,
  ): Promise<RtcError | undefined> {
    let client: Client
    try {
      client = await (this.#client ??= this.#connect())
    } catch (error) {
      // Loading may succeed at the next attempt.
      this.#client = undefined
      return new RtcError('NOT_SUPPORTED', 'There is no WebSocket here; on Node.js before 22, install ws.', {
        cause: error,
      })
    }
    return new Promise((resolve) => {
      if (ended.aborted) return resolve(undefined)
      const end = (failure?: RtcError) => {
        ended.removeEventListener('abort', unsubscribe)
        resolve(failure)
      }
      const unsubscribe = client.subscribe(
        { query: payload.query, variables: payload.variables as Record<string, unknown> },
        {
          next({ data, errors }) {
            if (!errors) return next(data)
            unsubscribe()
            end(gatewayError(errors))
          },
          error: (error) => end(failureOf(error)),
          complete: () => end(),
        },
      )
      ended.addEventListener('abort', unsubscribe)
    })
  }

  /** No token is left to try: the application cannot refresh, or the refreshed ones were refused as well. */
  get #isRefusalFinal(): boolean {
    return !this.#options.auth.canRefresh || this.#refusals >= MAX_TOKEN_REFUSALS
  }

  async #connect(): Promise<Client> {
    const { url, auth, onState, onTokenError } = this.#options
    // Node.js has a global WebSocket since version 22.
    const webSocketImpl: unknown = globalThis.WebSocket ?? (await import('ws')).WebSocket
    let pongTimer: ReturnType<typeof setTimeout> | undefined
    let acknowledged = false
    const client = createClient({
      url,
      webSocketImpl,
      lazyCloseTimeout: IDLE_CLOSE_DELAY,
      keepAlive: PING_INTERVAL,
      connectionAckWaitTimeout: ACK_TIMEOUT,
      retryAttempts: Infinity,
      retryWait: (attempt) => pause(backoff(attempt), this.#closing.signal),
      shouldRetry: (event) => !isRefusal(codeOf(event)) || !this.#isRefusalFinal,
      connectionParams: async () => {
        this.#token = await tokenOf(auth)
        return { authorization: `Bearer ${this.#token}` }
      },
      on: {
        connecting(isRetry) {
          acknowledged = false
          onState(isRetry ? 'reconnecting' : 'connecting')
        },
        connected: () => {
          acknowledged = true
          this.#refusals = 0
          onState('connected')
        },
        ping(received) {
          if (!received) pongTimer = setTimeout(() => client.terminate(), PONG_TIMEOUT)
        },
        pong(received) {
          if (received) clearTimeout(pongTimer)
        },
        closed: (event) => {
          clearTimeout(pongTimer)
          const code = codeOf(event)
          const refused = isRefusal(code)
          if (refused) {
            auth.refuse(this.#token)
            this.#refusals += 1
            // After an accepted connection it is an ordinary expiry, not worth reporting.
            if (!acknowledged && !this.#isRefusalFinal) onTokenError(TOKEN_REFUSED)
          }
          onState(code === NORMAL_CLOSURE || (refused && this.#isRefusalFinal) ? 'disconnected' : 'reconnecting')
        },
        error: (error) => {
          if (error instanceof RtcError) onTokenError(error)
        },
      },
    })
    return client
  }
}

const isRefusal = (code: number | undefined) => code === CloseCode.Unauthorized || code === CloseCode.Forbidden
const TOKEN_REFUSED = new RtcError('UNAUTHENTICATED', 'The gateway refused the token.')

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const NORMAL_CLOSURE = 1000

const codeOf = (event: unknown): number | undefined =>
  typeof event === 'object' && event !== null && 'code' in event && typeof event.code === 'number'
    ? event.code
    : undefined

/** Converts what graphql-ws reports: an operation's errors, or the close event of the socket. */
function failureOf(error: unknown): RtcError {
  if (Array.isArray(error)) return gatewayError(error as GraphQLProblem[])
  if (error instanceof RtcError) return error
  const code = codeOf(error)
  if (isRefusal(code)) return TOKEN_REFUSED
  return new RtcError('UNREACHABLE', `The connection to the gateway was lost${code ? ` (${code})` : ''}.`, {
    cause: error,
  })
}
