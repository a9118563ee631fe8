import { hostMatches, problemOfUrl } from '../webhooks/url-rules.ts'

export interface EndpointRules {
  /** PUSH_ALLOW_PRIVATE: push services with private addresses are allowed. */
  readonly allowPrivate: boolean
  /** PUSH_HOSTS: the hosts of push services; `*.example.com` stands for subdomains, `*` for every public host. */
  readonly hosts: readonly string[]
}

/**
 * The push services of Chrome, Edge, Firefox and Safari. The gateway sends to nothing else, so that no user makes it send
 * requests to any host.
 */
export const PUSH_SERVICES = [
  'fcm.googleapis.com',
  '*.push.services.mozilla.com',
  '*.push.apple.com',
  '*.notify.windows.com',
] as const

/** Why a URL must not be the endpoint of a subscription; undefined if it may be. */
export function problemOfEndpoint(text: string, { allowPrivate, hosts }: EndpointRules): string | undefined {
  const problem = problemOfUrl(text, { allowPrivate, hosts: undefined })
  if (problem) return problem
  const url = new URL(text)
  if (url.protocol !== 'https:') return 'must be an https URL without credentials'
  // A private address was allowed above.
  const isPublic = problemOfUrl(text, { allowPrivate: false, hosts: undefined }) === undefined
  if (isPublic && !hosts.some((host) => host === '*' || hostMatches(url.hostname, host.toLowerCase()))) {
    return 'must be a URL of a push service that PUSH_HOSTS lists'
  }
  return undefined
}
