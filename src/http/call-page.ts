import { type DevelopmentToken, developmentTokensFor } from './development-tokens.ts'
import type { HttpReply, HttpRequest } from './message.ts'
import { PageBuild } from './page-build.ts'

/** A page of `src/web`, with its assets. */
export interface Page {
  /** Whether the request is for the page or for an asset. */
  serves(request: HttpRequest): boolean
  /** @throws RtcError NOT_FOUND for an asset of another build, or if the page has not been built */
  answer(request: HttpRequest): Promise<HttpReply>
}

/** Options that the gateway passes to the call page. */
export interface CallPageOptions {
  /** Development tokens by user, newly signed for every page load; empty outside development mode. */
  readonly tokens: Readonly<Record<string, string>>
  /** The token claim that holds the user's id. */
  readonly userClaim: string
}

/** Restricts the page to its own origin and to WebSockets. */
const POLICY = {
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': 'data:',
  'worker-src': "'self'",
  'media-src': "'self' blob: mediastream:",
  // Older browsers do not include WebSockets in 'self'.
  'connect-src': "'self' ws: wss:",
}
/** At the root, so that its scope is the page. */
const WORKER = '/worker.js'
const PERMISSIONS = 'camera=(self), microphone=(self), display-capture=(self)'

/**
 * The call page at `/`.
 *
 * @param developmentToken - signs the tokens that the page starts with
 */
export function createCallPage(dependencies: {
  readonly developmentToken: DevelopmentToken | undefined
  readonly userClaim: string
  readonly build?: PageBuild
}): Page {
  const { developmentToken, userClaim, build = new PageBuild() } = dependencies

  return {
    serves: (request) =>
      isRead(request, '/') ||
      (isGet(request) && (request.url.pathname === WORKER || build.servesAsset(request.url.pathname))),

    async answer(request) {
      if (request.url.pathname === WORKER) return build.worker()
      if (request.url.pathname !== '/') return build.asset(request)
      const tokens = (await developmentTokensFor(request, developmentToken)) ?? {}
      const options: CallPageOptions = { tokens, userClaim }
      return build.page('index.html', { options, policy: POLICY, headers: { 'Permissions-Policy': PERMISSIONS } })
    },
  }
}

const isGet = ({ method }: HttpRequest): boolean => method === 'GET' || method === 'HEAD'

/** Whether a page is requested. Pages of other origins must not read the tokens in it. */
export const isRead = (request: HttpRequest, path: string): boolean =>
  isGet(request) && request.url.pathname === path && request.headers.origin === undefined
