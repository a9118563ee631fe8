import { isIP } from 'node:net'
import { z } from 'zod'
import { count, isPublicUrl, list, seconds, text, type Values } from '../core/variable.ts'

export interface HttpConfig {
  /** Undefined: all addresses, or in development mode only loopback, because its pages contain tokens. */
  readonly host: string | undefined
  /** 0 picks a free port. */
  readonly port: number
  /** Seconds over which sockets are closed after SIGTERM. */
  readonly drainTime: number
  /** Origins allowed to call from a browser; `*` for all, `https://*.example.com` for subdomains. */
  readonly corsOrigins: readonly string[]
  /** Seconds that a connection may be idle. */
  readonly keepAliveTimeout: number
  /** The gateway's URL for clients, without a trailing slash; if absent, responses contain relative references. */
  readonly publicUrl: string | undefined
  /** Proxies whose `X-Forwarded-For` is trusted: addresses, CIDR ranges, `loopback`, `private`. */
  readonly trustProxy: readonly string[]
  readonly connections: { readonly max: number; readonly maxPerAddress: number }
  /** Requests in flight. */
  readonly requests: { readonly max: number; readonly maxPerAddress: number }
}

export const httpVariables = {
  PORT: z
    .string()
    .regex(/^\d+$/, 'must be a port number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be at most 65535')
    .default(3000),
  HOST: text.optional(),
  CORS_ORIGINS: list(
    z
      .string()
      .refine(
        (value) => originOf(value) !== undefined,
        'must be * or origins such as https://app.example, https://*.app.example',
      )
      .transform((value) => originOf(value) ?? value),
    '*',
  ),
  PUBLIC_URL: text
    .refine((value) => isPublicUrl(value, /^https?:$/), 'must be a URL of the form https://host/prefix')
    .refine((value) => !/[?#]/.test(value), 'must have no query')
    .transform((value) => value.replace(/\/+$/, ''))
    .optional(),
  TRUST_PROXY: list(
    z.string().refine(isProxyRange, 'must be addresses or ranges such as 10.0.0.0/8, or loopback, or private'),
  ),
  KEEP_ALIVE_TIMEOUT: seconds(75, 3600),
  MAX_CONNECTIONS: count(10_000),
  MAX_CONNECTIONS_PER_ADDRESS: count(1_000),
  MAX_REQUESTS: count(1_000),
  MAX_REQUESTS_PER_ADDRESS: count(250),
  DRAIN_TIME: seconds(5, 3600),
}

export const httpConfig = (
  env: Values<typeof httpVariables>,
  /** False disables the limits per address, for load tests from one address. */
  { perAddress }: { readonly perAddress: boolean },
): HttpConfig => ({
  host: env.HOST,
  port: env.PORT,
  corsOrigins: env.CORS_ORIGINS,
  drainTime: env.DRAIN_TIME,
  keepAliveTimeout: env.KEEP_ALIVE_TIMEOUT,
  publicUrl: env.PUBLIC_URL,
  trustProxy: env.TRUST_PROXY,
  connections: { max: env.MAX_CONNECTIONS, maxPerAddress: perAddress ? env.MAX_CONNECTIONS_PER_ADDRESS : Infinity },
  requests: { max: env.MAX_REQUESTS, maxPerAddress: perAddress ? env.MAX_REQUESTS_PER_ADDRESS : Infinity },
})

/** Serialises an origin as browsers do: https://www.rfc-editor.org/rfc/rfc6454#section-6.1. App shells use other schemes. */
function originOf(value: string): string | undefined {
  if (value === '*') return value
  const [, scheme = '', wildcard = '', rest = ''] = /^([a-z][a-z\d+.-]*:\/\/)(\*\.)?([^/?#@*]+)\/?$/i.exec(value) ?? []
  if (!URL.canParse(scheme + rest)) return undefined
  const { protocol, host, pathname } = new URL(scheme + rest)
  return pathname.length > 1 ? undefined : `${protocol}//${wildcard}${host.toLowerCase()}`
}

function isProxyRange(value: string): boolean {
  if (value === 'loopback' || value === 'private') return true
  const [address = '', bits, ...rest] = value.split('/')
  const width = { 4: 32, 6: 128 }[isIP(address)]
  if (width === undefined || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width)
}
