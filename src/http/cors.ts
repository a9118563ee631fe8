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

const EXPOSED = 'Location, Link, Idempotent-Replayed, Retry-After, Allow, WWW-Authenticate, ETag'
const METHODS = 'GET, HEAD, POST, PUT, DELETE, OPTIONS'
/** Names of headers, by commas. */
const NAMES = /^[\w!#$%&'*+.^`|~-]+(\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/

/**
 * The answer to a preflight: whatever headers a page wants to send, it may. Tokens travel in a header, never in a
 * cookie, so no credentials are allowed, and a header that the gateway does not know does nothing.
 */
export function preflightHeaders(request: IncomingHttpHeaders): Record<string, string> {
  const wanted = request['access-control-request-headers'] ?? ''
  return {
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': NAMES.test(wanted) ? wanted : 'Authorization, Content-Type, Idempotency-Key',
    'Access-Control-Max-Age': '7200',
    Vary: 'Access-Control-Request-Headers',
  }
}
