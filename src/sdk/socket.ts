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
  /** How the connection stands, at each change. Must not throw. */
  onState(state: ConnectionState): void
  /** A token was refused, or none was to be had; it is tried again if there is a way to another. Must not throw. */
  onTokenError(error: RtcError): void
}

/** Takes the messages of one subscription. Must not throw. */
export interface SubscriptionSink<Result> {
  next(result: Result): void
  /** It is over: completed by the gateway, or refused for good. */
  end(error?: RtcError): void
}

/** Milliseconds: a connection that is dead without a word is noticed within both together. */
const PING_INTERVAL = 10_000
const PONG_TIMEOUT = 5_000
/** Milliseconds for which a socket without a subscription stays open. */
const IDLE_CLOSE_DELAY = 3_000
const ACK_TIMEOUT = 10_000
const CLOSE_TIMEOUT = 1_000
/** Tokens that are tried one after the other before it is given up. */
const MAX_TOKEN_REFUSALS = 3

/**
 * Subscriptions over one socket that is there while somebody subscribes. A lost connection, and a refusal that passes, are
 * tried again for ever; the variables are sent as they are by then, so a cursor in them resumes.
 *
 * @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
 */
export class Socket {
  readonly #options: SocketOptions
  readonly #closing = new AbortController()
  #client: Promise<Client> | undefined
  /** What the socket was last opened with. */
  #token = ''
  /** Tokens refused since the gateway has last taken one. */
  #refusals = 0

  constructor(options: SocketOptions) {
    this.#options = options
  }

  /** @returns what ends the subscription; its sink then hears nothing any more */
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

  /** Ends every subscription, and the connection. */
  async close(): Promise<void> {
    this.#closing.abort()
    // A connection that is being made is disposed of when it is there, or never comes about.
    await waitAtMost(CLOSE_TIMEOUT, this.#dispose())
  }

  async #dispose(): Promise<void> {
    try {
      const client = await this.#client
      await client?.dispose()
    } catch {
      // It has not come about.
    }
  }

  async #runUntilEnded<Result>(payload: Request, sink: SubscriptionSink<Result>, ended: AbortSignal): Promise<void> {
    for (let attempt = 0; !ended.aborted; attempt += 1) {
      const failure = await this.#subscribeOnce(payload, ended, (result) => {
        attempt = 0
        sink.next(result as Result)
      })
      if (ended.aborted) return
      if (!failure) return sink.end()
      const canRetryWithNewToken = failure.code === 'UNAUTHENTICATED' && !this.#isRefusalFinal
      if (!isRetryable(failure) && !canRetryWithNewToken) return sink.end(failure)
      await pause(backoff(attempt), ended)
    }
  }

  /** Resolves when the subscription is over: to why, unless it was completed. */
  async #subscribeOnce(
    payload: Request,
    ended: AbortSignal,
    next: (result: unknown) => void,
  ): Promise<RtcError | undefined> {
    let client: Client
    try {
      client = await (this.#client ??= this.#connect())
    } catch (error) {
      // What could not be loaded now may be there the next time.
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

  /** There is no other token to be had, or those that are to be had are refused as well. */
  get #isRefusalFinal(): boolean {
    return !this.#options.auth.canRefresh || this.#refusals >= MAX_TOKEN_REFUSALS
  }

  async #connect(): Promise<Client> {
    const { url, auth, onState, onTokenError } = this.#options
    // Node.js has one of its own from version 22 on.
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
            // One that was taken before has expired: that is how it goes.
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
const TOKEN_REFUSED = new RtcError('UNAUTHENTICATED', 'The gateway does not take the token.')

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const NORMAL_CLOSURE = 1000

const codeOf = (event: unknown): number | undefined =>
  typeof event === 'object' && event !== null && 'code' in event && typeof event.code === 'number'
    ? event.code
    : undefined

/** What graphql-ws gives up with: an operation's errors, or the close of the socket. */
function failureOf(error: unknown): RtcError {
  if (Array.isArray(error)) return gatewayError(error as GraphQLProblem[])
  if (error instanceof RtcError) return error
  const code = codeOf(error)
  if (isRefusal(code)) return TOKEN_REFUSED
  return new RtcError('UNREACHABLE', `The connection to the gateway is lost${code ? ` (${code})` : ''}.`, {
    cause: error,
  })
}
