import { isRead, type Page } from './call-page.ts'
import { adminTokenFor, type DevelopmentToken } from './development-tokens.ts'
import { PageBuild } from './page-build.ts'

/** Options that the gateway passes to the admin page. */
export interface AdminPageOptions {
  /** A development token with the scope rtc:admin, newly signed for every page load; absent outside development mode. */
  readonly token?: string
}

/** Restricts the page to its own origin and to WebSockets. */
const POLICY = {
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': 'data:',
  // Older browsers do not include WebSockets in 'self'.
  'connect-src': "'self' ws: wss:",
}
export const ADMIN_PATH = '/admin'

/**
 * The page of the administration at `/admin`.
 *
 * @param developmentToken - signs the token that the page starts with
 */
export function createAdminPage(dependencies: {
  readonly developmentToken: DevelopmentToken | undefined
  readonly build?: PageBuild
}): Page {
  const { developmentToken, build = new PageBuild() } = dependencies

  return {
    serves: (request) =>
      isRead(request, ADMIN_PATH) ||
      ((request.method === 'GET' || request.method === 'HEAD') && build.servesAsset(request.url.pathname)),

    async answer(request) {
      if (request.url.pathname !== ADMIN_PATH) return build.asset(request)
      const token = await adminTokenFor(request, developmentToken)
      const options: AdminPageOptions = token === undefined ? {} : { token }
      return build.page('admin.html', { options, policy: POLICY })
    },
  }
}
