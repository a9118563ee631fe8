import type { IncomingHttpHeaders } from 'node:http'
import { isAllowedOrigin } from './origin.ts'

/** Headers of the Fetch standard's CORS protocol: https://fetch.spec.whatwg.org/#http-cors-protocol */
export function corsHeaders(origins: readonly string[], request: IncomingHttpHeaders): Record<string, string> {
  const { origin } = request
  if (origin === undefined) return {}
  const any = origins.includes('*')
  if (!any && !isAllowedOrigin(origins, origin)) return { Vary: 'Origin' }
  return {
    'Access-Control-Allow-Origin': any ? '*' : origin,
    'Access-Control-Expose-Headers': EXPOSED,
    ...(any ? {} : { Vary: 'Origin' }),
  }
}

const EXPOSED = 'Location, Link, Idempotent-Replayed, Retry-After, Allow, WWW-Authenticate, ETag, X-Request-Id'
const METHODS = 'GET, HEAD, POST, PUT, DELETE, OPTIONS'
/** Header names separated by commas. */
const NAMES = /^[\w!#$%&'*+.^`|~-]+(\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/

/**
 * The response headers of a preflight. All request headers are allowed: unknown ones have no effect. Credentials are not
 * allowed because tokens are sent in a header, never in a cookie.
 */
export function preflightHeaders(request: IncomingHttpHeaders): Record<string, string> {
  const requested = request['access-control-request-headers'] ?? ''
  return {
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': NAMES.test(requested) ? requested : 'Authorization, Content-Type, Idempotency-Key',
    'Access-Control-Max-Age': '7200',
    Vary: 'Access-Control-Request-Headers',
  }
}
