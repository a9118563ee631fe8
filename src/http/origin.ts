import type { IncomingHttpHeaders } from 'node:http'

/** Whether CORS_ORIGINS allows an origin: by `*`, the origin itself, or `https://*.example.com` for subdomains. */
export function isAllowedOrigin(allowed: readonly string[], origin: string): boolean {
  return allowed.some((entry) => {
    if (entry === '*' || entry === origin) return true
    const [scheme = '', domain] = entry.split('*')
    if (domain === undefined || !origin.startsWith(scheme) || !origin.endsWith(domain)) return false
    return /^[\w-]+(\.[\w-]+)*$/.test(origin.slice(scheme.length, origin.length - domain.length))
  })
}

/**
 * Whether a WebSocket may be opened. Browsers do not apply CORS to WebSockets, so the gateway checks the origin itself.
 * Clients other than browsers send no Origin; the gateway's own pages send the gateway's origin.
 */
export function mayOpenSocket(
  { host, origin }: IncomingHttpHeaders,
  { allowed, publicUrl }: { allowed: readonly string[]; publicUrl: string | undefined },
): boolean {
  if (origin === undefined || isAllowedOrigin(allowed, origin)) return true
  if (!URL.canParse(origin)) return false
  return new URL(origin).host === host || (publicUrl !== undefined && new URL(publicUrl).origin === origin)
}
