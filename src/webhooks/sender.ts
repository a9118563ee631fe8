import { lookup as resolve, type LookupAddress } from 'node:dns'
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isPublicAddress, literalAddress } from './address.ts'

export interface WebhookRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
  readonly signal: AbortSignal
}

export interface WebhookResponse {
  readonly status: number
  /** Milliseconds of the header Retry-After. */
  readonly retryAfter: number | undefined
}

/** Milliseconds for one attempt, from the resolution of the name to the head of the response. */
const TIMEOUT = 15_000
/** Bytes of a response that are read, so that the connection can be used again. */
const RESPONSE_MAX = 64 * 1024
/** Milliseconds for which an unused connection is kept. */
const IDLE = 4_000
const CONNECTIONS_PER_HOST = 64
/** Errors of a connection that the other side has closed. */
const WAS_CLOSED: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE'])
/** Longest Retry-After that is respected: a day. */
const RETRY_AFTER_MAX = 86_400_000

/** Without addresses if there is an error, whatever the types of Node.js say. */
type Resolve = (hostname: string, callback: (error: Error | null, addresses?: LookupAddress[]) => void) => void

const resolveAll: Resolve = (hostname, callback) =>
  resolve(hostname, { all: true }, (error, addresses) => callback(error, addresses))

interface SenderOptions {
  readonly allowPrivate: boolean
  /** The variable that allows private addresses, for messages. @default WEBHOOK_ALLOW_PRIVATE */
  readonly allowedBy?: string
  /** Resolves names. @default the resolver of the system */
  readonly resolve?: Resolve
  /** Certificates of authorities to trust. @default those of Node.js */
  readonly ca?: string | undefined
}

/**
 * Sends to URLs that users name. A name is resolved once for each connection, every address is checked, and the connection is made to
 * these very addresses, so a name cannot change in between. Redirects are not followed.
 */
export class WebhookSender {
  readonly #allowPrivate: boolean
  readonly #allowedBy: string
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor(given: SenderOptions) {
    const { allowPrivate, allowedBy = 'WEBHOOK_ALLOW_PRIVATE', resolve: resolveName = resolveAll, ca } = given
    this.#allowPrivate = allowPrivate
    this.#allowedBy = allowedBy
    const lookup: LookupFunction = (hostname, { all }, callback) => {
      resolveName(hostname, (error, addresses = []) => {
        const refused = error ?? this.#problemOf(addresses.map(({ address }) => address))
        const [first] = addresses
        if (refused || !first) callback(refused ?? new Error('the name has no address'), '', 0)
        else if (all) callback(null, addresses)
        else callback(null, first.address, first.family)
      })
    }
    const options = { keepAlive: true, maxSockets: CONNECTIONS_PER_HOST, timeout: IDLE, lookup }
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent({ ...options, ...(ca !== undefined && { ca }) })
  }

  /** @throws Error if there is no response within 15 s, or the address is not allowed */
  async post({ url, headers, body, signal }: WebhookRequest): Promise<WebhookResponse> {
    const target = new URL(url)
    const address = literalAddress(target)
    const problem = address === null ? null : this.#problemOf([address])
    if (problem) throw problem
    const isHttps = target.protocol === 'https:'
    const options: RequestOptions = {
      method: 'POST',
      agent: isHttps ? this.#https : this.#http,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'rtc-gateway-webhooks/1',
        ...headers,
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    }
    return await new Promise((done, reject) => {
      const send = () => {
        const request = (isHttps ? requestHttps : requestHttp)(target, options, (response) => {
          drain(response)
          const { statusCode: status = 0, headers: received } = response
          done({ status, retryAfter: parseRetryAfter(received['retry-after']) })
        })
        request.on('error', (error: NodeJS.ErrnoException) => {
          // The receiver has closed a kept connection while the request was on its way.
          if (request.reusedSocket && WAS_CLOSED.has(error.code)) send()
          else reject(error)
        })
        request.end(body)
      }
      send()
    })
  }

  /** Closes all connections. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  #problemOf(addresses: readonly string[]): Error | null {
    if (this.#allowPrivate || addresses.every(isPublicAddress)) return null
    return new Error(`the address is private; ${this.#allowedBy} allows it`)
  }
}

/** Reads the response without keeping it. */
function drain(response: IncomingMessage): void {
  let bytes = 0
  response.on('error', () => undefined)
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > RESPONSE_MAX) response.destroy()
  })
}

/** Seconds or an HTTP date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), RETRY_AFTER_MAX)
}
