import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { RtcError } from '../core/errors.ts'
import type { BodyBudget } from './body-budget.ts'
import { decodeBody } from './encoding.ts'
import type { RequestRecord } from './record.ts'

/** A request whose body has not been read yet. */
export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  /** The client's address, which limits apply to. */
  readonly address: string
  /** Handlers fill it in. */
  readonly record: RequestRecord
  /**
   * Reads and decodes the whole body.
   *
   * @param limit - maximum bytes of the encoded and of the decoded body
   * @throws RtcError PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE for an unknown encoding, BAD_USER_INPUT if decoding fails
   */
  body(limit: number): Promise<Buffer>
}

/**
 * Writes a streaming body. Called once, after the head was sent. The response may have ended already, and the client may
 * close it at any time; otherwise the function must end it.
 */
export type StreamBody = (response: Writable) => void

export interface HttpReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | StreamBody
}

/** Milliseconds without progress after which a response is aborted. */
const RESPONSE_TIMEOUT = 30_000

/**
 * @param options.reading - wraps the time in which the peer sends the body
 * @throws RtcError NOT_FOUND for an invalid path
 */
export function toRequest(
  incoming: IncomingMessage,
  options: {
    readonly record: RequestRecord
    readonly budget: BodyBudget
    readonly reading: (read: Promise<Buffer>) => Promise<Buffer>
  },
): HttpRequest {
  const { headers } = incoming
  const { record, budget, reading } = options
  const { address } = record
  return {
    method: incoming.method ?? 'GET',
    // Ignore the Host header, which may be malformed.
    url: parseUrl(incoming.url ?? '/'),
    headers,
    address,
    record,
    async body(limit) {
      const encoded = await reading(readBody(incoming, { limit, account: budget.open(address) }))
      record.requestBytes = encoded.length
      return decodeBody(encoded, { encoding: headers['content-encoding'], limit })
    },
  }
}

/** @returns the bytes of the body; undefined if it is streamed */
export function send(response: ServerResponse, { status, headers: given = {}, body }: HttpReply): number | undefined {
  const headers = { 'X-Content-Type-Options': 'nosniff', ...given }
  if (typeof body === 'function') {
    response.writeHead(status, headers)
    response.flushHeaders()
    if (response.req.method === 'HEAD') response.end()
    body(response)
    return undefined
  }
  const length = body === undefined ? 0 : Buffer.byteLength(body)
  response.setTimeout(RESPONSE_TIMEOUT)
  response.writeHead(status, { ...headers, ...(status !== 204 && status !== 304 && { 'Content-Length': length }) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
  return length
}

/** Maximum bytes of an oversized body to read and discard, so that the client receives the error response. */
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
    // The client disconnected or timed out; it does not receive this error.
    throw new RtcError('BAD_USER_INPUT', 'The connection ended before the end of the body.', { cause: error })
  } finally {
    account.close()
  }
  if (size > limit) throw new RtcError('PAYLOAD_TOO_LARGE', `The body is larger than ${limit} bytes.`)
  return Buffer.concat(chunks)
}

function parseUrl(path: string): URL {
  try {
    return new URL(path.replace(/^\/+/, '/'), 'http://gateway')
  } catch {
    throw new RtcError('NOT_FOUND', 'The path is not valid.')
  }
}
