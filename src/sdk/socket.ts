import { type Client, CloseCode, createClient } from 'graphql-ws/client'
import type { Auth } from './auth.ts'
import { atMost, backoff, pause } from './backoff.ts'
import { RtcError } from './errors.ts'
import { gatewayError, type GraphQLProblem, isRetryable, requestOf, tokenOf } from './gateway.ts'
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
  onTrouble(error: RtcError): void
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
const LINGER = 3_000
const ACK_TIMEOUT = 10_000
const CLOSE_WAIT = 1_000
/** Tokens that are tried one after the other before it is given up. */
const REFUSALS_MAX = 3

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
    const over = new AbortController()
    const leave = () => over.abort()
    this.#closing.signal.addEventListener('abort', leave, { signal: over.signal })
    void this.#keep(requestOf(document, variables), sink, over.signal).finally(leave)
    return leave
  }

  /** Ends every subscription, and the connection. */
  async close(): Promise<void> {
    this.#closing.abort()
    // A connection that is being made is disposed of when it is there, or never comes about.
    await atMost(CLOSE_WAIT, this.#dispose())
  }

  async #dispose(): Promise<void> {
    try {
      const client = await this.#client
      await client?.dispose()
    } catch {
      // It has not come about.
    }
  }

  async #keep<Result>(payload: Request, sink: SubscriptionSink<Result>, over: AbortSignal): Promise<void> {
    for (let attempt = 0; !over.aborted; attempt += 1) {
      const failure = await this.#once(payload, over, (result) => {
        attempt = 0
        sink.next(result as Result)
      })
      if (over.aborted) return
      if (!failure) return sink.end()
      const freshTokenMayDo = failure.code === 'UNAUTHENTICATED' && !this.#isFinal
      if (!isRetryable(failure) && !freshTokenMayDo) return sink.end(failure)
      await pause(backoff(attempt), over)
    }
  }

  /** Resolves when the subscription is over: to why, unless it was completed. */
  async #once(payload: Request, over: AbortSignal, next: (result: unknown) => void): Promise<RtcError | undefined> {
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
      if (over.aborted) return resolve(undefined)
      const end = (failure?: RtcError) => {
        over.removeEventListener('abort', unsubscribe)
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
      over.addEventListener('abort', unsubscribe)
    })
  }

  /** There is no other token to be had, or those that are to be had are refused as well. */
  get #isFinal(): boolean {
    return !this.#options.auth.canRefresh || this.#refusals >= REFUSALS_MAX
  }

  async #connect(): Promise<Client> {
    const { url, auth, onState, onTrouble } = this.#options
    // Node.js has one of its own from version 22 on.
    const webSocketImpl: unknown = globalThis.WebSocket ?? (await import('ws')).WebSocket
    let overdue: ReturnType<typeof setTimeout> | undefined
    let acknowledged = false
    const client = createClient({
      url,
      webSocketImpl,
      lazyCloseTimeout: LINGER,
      keepAlive: PING_INTERVAL,
      connectionAckWaitTimeout: ACK_TIMEOUT,
      retryAttempts: Infinity,
      retryWait: (attempt) => pause(backoff(attempt), this.#closing.signal),
      shouldRetry: (event) => !isRefusal(codeOf(event)) || !this.#isFinal,
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
          if (!received) overdue = setTimeout(() => client.terminate(), PONG_TIMEOUT)
        },
        pong(received) {
          if (received) clearTimeout(overdue)
        },
        closed: (event) => {
          clearTimeout(overdue)
          const code = codeOf(event)
          const refused = isRefusal(code)
          if (refused) {
            auth.refuse(this.#token)
            this.#refusals += 1
            // One that was taken before has expired: that is how it goes.
            if (!acknowledged && !this.#isFinal) onTrouble(REFUSED)
          }
          onState(code === NORMAL_CLOSURE || (refused && this.#isFinal) ? 'disconnected' : 'reconnecting')
        },
        error: (error) => {
          if (error instanceof RtcError) onTrouble(error)
        },
      },
    })
    return client
  }
}

const isRefusal = (code: number | undefined) => code === CloseCode.Unauthorized || code === CloseCode.Forbidden
const REFUSED = new RtcError('UNAUTHENTICATED', 'The gateway does not take the token.')

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
  if (isRefusal(code)) return REFUSED
  return new RtcError('UNREACHABLE', `The connection to the gateway is lost${code ? ` (${code})` : ''}.`, {
    cause: error,
  })
}
