import type { IncomingHttpHeaders } from 'node:http'

/** Headers of the Fetch standard's CORS protocol: https://fetch.spec.whatwg.org/#http-cors-protocol */
export function corsHeaders(origins: readonly string[], request: IncomingHttpHeaders): Record<string, string> {
  const { origin } = request
  if (origin === undefined) return {}
  const any = origins.includes('*')
  if (!any && !origins.includes(origin)) return { Vary: 'Origin' }
  return {
    'Access-Control-Allow-Origin': any ? '*' : origin,
    'Access-Control-Expose-Headers': 'Location, Idempotent-Replayed, Retry-After',
    ...(any ? {} : { Vary: 'Origin' }),
  }
}

/** The answer to a preflight. Tokens travel in a header, never in a cookie, so no credentials are allowed. */
export const preflightHeaders = {
  'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key',
  'Access-Control-Max-Age': '7200',
}
