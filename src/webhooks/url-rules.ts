import { isPublicUrl } from '../core/variable.ts'
import { isPublicAddress, literalAddress } from './address.ts'

export interface UrlRules {
  /** WEBHOOK_ALLOW_PRIVATE: loopback and private addresses are allowed, also by http. */
  readonly allowPrivate: boolean
  /** Hosts that are allowed; `*.example.com` stands for subdomains. Undefined: all. */
  readonly hosts: readonly string[] | undefined
}

/** Longest URL of an endpoint, in characters. */
const URL_MAX = 2_000

/** Why the URL must not be used for an endpoint; undefined if it may be. Names are resolved later, by the sender. */
export function problemOfUrl(text: string, { allowPrivate, hosts }: UrlRules): string | undefined {
  if (text.length > URL_MAX) return `must have at most ${URL_MAX} characters`
  if (!isPublicUrl(text, allowPrivate ? /^https?:$/ : /^https:$/)) {
    return `must be an ${allowPrivate ? 'http or https' : 'https'} URL without credentials`
  }
  const url = new URL(text)
  const address = literalAddress(url)
  const isPrivate = address === null ? isLocalName(url.hostname) : !isPublicAddress(address)
  if (isPrivate) return allowPrivate ? undefined : 'must not have a private address'
  if (hosts && !hosts.some((host) => hostMatches(url.hostname, host.toLowerCase()))) {
    return 'must have a host that WEBHOOK_HOSTS lists'
  }
  return undefined
}

const isLocalName = (hostname: string): boolean => /(^|\.)localhost\.?$/.test(hostname)

/** Whether a host is the given one, or a subdomain for `*.example.com`. */
export const hostMatches = (hostname: string, pattern: string): boolean =>
  pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern
