import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { RtcError } from '../core/errors.ts'

/** A request with its body still to be read. */
export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  /**
   * The whole body.
   *
   * @param limit - in bytes
   * @throws RtcError PAYLOAD_TOO_LARGE
   */
  body(limit: number): Promise<Buffer>
}

/**
 * Writes a body that comes little by little, such as an event stream. Called once, after the head was sent; must listen
 * for `close`, because the client may leave at any time, and must end the response at its own end.
 */
export type StreamBody = (response: Writable) => void

export interface HttpReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | StreamBody
}

export function toRequest(incoming: IncomingMessage): HttpRequest {
  return {
    method: incoming.method ?? 'GET',
    // The host is not looked at: a constant keeps a malformed Host header from being an error.
    url: parseUrl(incoming.url ?? '/'),
    headers: incoming.headers,
    body: (limit) => readBody(incoming, limit),
  }
}

export function send(response: ServerResponse, { status, headers = {}, body }: HttpReply): void {
  if (typeof body === 'function') {
    response.writeHead(status, headers)
    response.flushHeaders()
    if (response.req.method === 'HEAD') response.end()
    else body(response)
    return
  }
  const length = body === undefined ? 0 : Buffer.byteLength(body)
  response.writeHead(status, { ...headers, ...(status !== 204 && status !== 304 && { 'Content-Length': length }) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/** How much of an oversized body is taken in and thrown away, so that its sender can hear why. */
const DRAIN_LIMIT = 32 * 1024 * 1024

async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else chunks.length = 0
    if (size > DRAIN_LIMIT) break
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
