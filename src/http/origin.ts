import type { IncomingHttpHeaders } from 'node:http'

/** Whether pages of an origin may call, by CORS_ORIGINS: `*`, origins, and `https://*.example.com` for subdomains. */
export function isAllowedOrigin(allowed: readonly string[], origin: string): boolean {
  return allowed.some((entry) => {
    if (entry === '*' || entry === origin) return true
    const [scheme = '', domain] = entry.split('*')
    if (domain === undefined || !origin.startsWith(scheme) || !origin.endsWith(domain)) return false
    return /^[\w-]+(\.[\w-]+)*$/.test(origin.slice(scheme.length, origin.length - domain.length))
  })
}

/**
 * Whether a WebSocket may be opened. Browsers do not apply CORS to sockets, so the check is here. Clients that are no
 * browsers send no Origin; pages of the gateway itself send its own.
 */
export function mayOpenSocket(
  { host, origin }: IncomingHttpHeaders,
  { allowed, publicUrl }: { allowed: readonly string[]; publicUrl: string | undefined },
): boolean {
  if (origin === undefined || isAllowedOrigin(allowed, origin)) return true
  if (!URL.canParse(origin)) return false
  return new URL(origin).host === host || (publicUrl !== undefined && new URL(publicUrl).origin === origin)
}
