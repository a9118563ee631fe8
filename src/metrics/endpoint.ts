import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { RtcError } from '../core/errors.ts'
import type { HttpReply } from '../http/message.ts'
import { MethodNotAllowed } from '../http/method.ts'
import type { NodeMetrics } from './metrics.ts'

export const METRICS_PATH = '/metrics'

/** Answers a scrape. */
export type MetricsEndpoint = (request: {
  readonly method: string
  readonly headers: IncomingHttpHeaders
}) => Promise<HttpReply>

/**
 * @param token - required as bearer token; undefined if everybody who reaches the port may scrape
 * @returns an endpoint that throws RtcError UNAUTHENTICATED, and MethodNotAllowed for other methods than GET and HEAD
 */
export function createMetricsEndpoint(
  metrics: Pick<NodeMetrics, 'scrape'>,
  token: string | undefined,
): MetricsEndpoint {
  const expected = token === undefined ? undefined : digestOf(`Bearer ${token}`)
  return async ({ method, headers }) => {
    if (expected && !timingSafeEqual(digestOf(normalised(headers.authorization)), expected)) {
      throw new RtcError('UNAUTHENTICATED', 'Metrics require METRICS_TOKEN: Authorization: Bearer <token>')
    }
    if (method !== 'GET' && method !== 'HEAD') throw new MethodNotAllowed(method, ['GET'])
    const { contentType, body } = await metrics.scrape()
    return { status: 200, headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' }, body }
  }
}

/** Digests have the same length, so that the comparison takes the same time for every token. */
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The scheme is case-insensitive: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const normalised = (authorization = ''): string => authorization.replace(/^bearer +/i, 'Bearer ').trimEnd()
