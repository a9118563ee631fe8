import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { RtcError } from '../core/errors.ts'
import type { BodyBudget } from './body-budget.ts'
import { decodeBody } from './encoding.ts'

/** A request with its body still to be read. */
export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  /** The client's, for bounds per address. */
  readonly address: string
  /**
   * The whole body, decoded.
   *
   * @param limit - in bytes, both encoded and decoded
   * @throws RtcError PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE for an unknown encoding, BAD_USER_INPUT for one that fails
   */
  body(limit: number): Promise<Buffer>
}

/**
 * Writes a body that comes little by little, such as an event stream. Called once, after the head was sent. The
 * response may be over already, or be closed by the client at any time; otherwise the writer ends it.
 */
export type StreamBody = (response: Writable) => void

export interface HttpReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | StreamBody
}

/** Milliseconds that a peer may take none of an answer. */
const ANSWER_TIMEOUT = 30_000

/**
 * @param options.reading - is called around the time in which the peer sends the body
 * @throws RtcError NOT_FOUND for a path that is none
 */
export function toRequest(
  incoming: IncomingMessage,
  options: {
    readonly address: string
    readonly budget: BodyBudget
    readonly reading: (read: Promise<Buffer>) => Promise<Buffer>
  },
): HttpRequest {
  const { headers } = incoming
  return {
    method: incoming.method ?? 'GET',
    // The host is not looked at: a constant keeps a malformed Host header from being an error.
    url: parseUrl(incoming.url ?? '/'),
    headers,
    address: options.address,
    async body(limit) {
      const encoded = await options.reading(
        readBody(incoming, { limit, account: options.budget.open(options.address) }),
      )
      return decodeBody(encoded, { encoding: headers['content-encoding'], limit })
    },
  }
}

export function send(response: ServerResponse, { status, headers: given = {}, body }: HttpReply): void {
  const headers = { 'X-Content-Type-Options': 'nosniff', ...given }
  if (typeof body === 'function') {
    response.writeHead(status, headers)
    response.flushHeaders()
    if (response.req.method === 'HEAD') response.end()
    body(response)
    return
  }
  const length = body === undefined ? 0 : Buffer.byteLength(body)
  response.setTimeout(ANSWER_TIMEOUT)
  response.writeHead(status, { ...headers, ...(status !== 204 && status !== 304 && { 'Content-Length': length }) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/** How much of an oversized body is taken in and thrown away, so that its sender can hear why. */
const DRAIN_LIMIT = 32 * 1024 * 1024

async function readBody(
  incoming: IncomingMessage,
  { limit, account }: { limit: number; account: ReturnType<BodyBudget['open']> },
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= limit) {
        account.take(chunk.length)
        chunks.push(chunk)
      } else chunks.length = 0
      if (size > DRAIN_LIMIT) break
    }
  } catch (error) {
    if (error instanceof RtcError) throw error
    // Nobody hears it; the client has gone, or was too slow.
    throw new RtcError('BAD_USER_INPUT', 'The connection ended within the body.', { cause: error })
  } finally {
    account.close()
  }
  if (size > limit) throw new RtcError('PAYLOAD_TOO_LARGE', `The body may have at most ${limit} bytes.`)
  return Buffer.concat(chunks)
}

function parseUrl(path: string): URL {
  try {
    return new URL(path.replace(/^\/+/, '/'), 'http://gateway')
  } catch {
    throw new RtcError('NOT_FOUND', 'There is no such path.')
  }
}
