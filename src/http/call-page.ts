import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { RtcError, shorten } from '../core/errors.ts'
import { type Asset, createAsset } from './asset.ts'
import { type DevelopmentToken, developmentTokensFor } from './development-tokens.ts'
import { htmlReply, scriptJson } from './html.ts'
import type { HttpReply, HttpRequest } from './message.ts'

/** Serves the call page at `/`, built from `src/web`. */
export interface CallPage {
  /** Whether the request is for the page or for one of its assets. */
  serves(request: HttpRequest): boolean
  /** @throws RtcError NOT_FOUND for an asset of another build, or if the page has not been built */
  answer(request: HttpRequest): Promise<HttpReply>
}

/** Options that the gateway passes to the page as JSON in its element `#options`. */
export interface CallPageOptions {
  /** Development tokens by user, newly signed for every page load; empty outside development mode. */
  readonly tokens: Readonly<Record<string, string>>
  /** The token claim that holds the user's id. */
  readonly userClaim: string
}

/** Resolves to the same directory from `src/http` and `dist/http`. */
const BUILD = new URL('../../dist/web/', import.meta.url)
const ASSETS = '/assets/'
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}
const OPTIONS_PLACEHOLDER = 'id="options"></script>'

/** Restricts the page to its own origin and to WebSockets. */
const POLICY = {
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': 'data:',
  'media-src': "'self' blob: mediastream:",
  // Older browsers do not include WebSockets in 'self'.
  'connect-src': "'self' ws: wss:",
}
const PERMISSIONS = 'camera=(self), microphone=(self), display-capture=(self)'

/**
 * @param developmentToken - signs the tokens that the page starts with
 * @param build - directory of the built page, with a trailing slash; read at the first request
 */
export function createCallPage(dependencies: {
  readonly developmentToken: DevelopmentToken | undefined
  readonly userClaim: string
  readonly build?: URL
}): CallPage {
  const { developmentToken, userClaim, build = BUILD } = dependencies
  let loaded: Build | undefined

  return {
    serves: ({ method, url: { pathname }, headers: { origin } }) =>
      (method === 'GET' || method === 'HEAD') &&
      // Pages of other origins must not read the tokens in this page.
      ((pathname === '/' && origin === undefined) || pathname.startsWith(ASSETS)),

    async answer(request) {
      const { html, assets } = (loaded ??= await loadBuild(build))
      const { pathname } = request.url
      if (pathname !== '/') {
        const asset = assets.get(pathname.slice(ASSETS.length))
        if (!asset) throw new RtcError('NOT_FOUND', `${shorten(pathname)} does not exist.`)
        return asset.reply(request)
      }
      const tokens = (await developmentTokensFor(request, developmentToken)) ?? {}
      const options: CallPageOptions = { tokens, userClaim }
      const page = html.replace(OPTIONS_PLACEHOLDER, () => `id="options">${scriptJson(options)}</script>`)
      return htmlReply(page, POLICY, { 'Permissions-Policy': PERMISSIONS })
    },
  }
}

interface Build {
  readonly html: string
  /** By file name, which contains a hash of the content. */
  readonly assets: ReadonlyMap<string, Asset>
}

async function loadBuild(build: URL): Promise<Build> {
  const read = (path: string) => readFile(new URL(path, build), 'utf8')
  try {
    const html = await read('index.html')
    if (!html.includes(OPTIONS_PLACEHOLDER)) throw new Error('index.html has no placeholder for the options')
    const names = await readdir(new URL('assets/', build))
    const assets = names.map(async (name): Promise<[string, Asset]> => {
      const type = TYPES[extname(name)]
      if (type === undefined) throw new Error(`assets/${name} has an unknown type`)
      return [name, createAsset(type, await read(`assets/${name}`))]
    })
    return { html, assets: new Map(await Promise.all(assets)) }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    throw new RtcError('NOT_FOUND', 'The call page has not been built: run `npm run build`.')
  }
}
