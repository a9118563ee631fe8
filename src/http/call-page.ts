import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { RtcError, shorten } from '../core/errors.ts'
import { type Asset, createAsset } from './asset.ts'
import { type DevelopmentToken, developmentTokensFor } from './development-tokens.ts'
import { htmlReply, scriptJson } from './html.ts'
import type { HttpReply, HttpRequest } from './message.ts'

/** The page to call from, at `/`, as it was built from `src/web`. */
export interface CallPage {
  /** Whether the request is for the page or for one of its assets. */
  serves(request: HttpRequest): boolean
  /** @throws RtcError NOT_FOUND for an asset of another build, or when there is no build */
  answer(request: HttpRequest): Promise<HttpReply>
}

/** What the gateway hands to the page, as JSON in its element `#options`. */
export interface CallPageOptions {
  /** Development tokens by user, fresh with every page; none without development mode. */
  readonly tokens: Readonly<Record<string, string>>
  /** The claim of a token that says whose it is. */
  readonly userClaim: string
}

/** From `src/http` as from `dist/http`. */
const BUILD = new URL('../../dist/web/', import.meta.url)
const ASSETS = '/assets/'
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}
const PLACE_FOR_OPTIONS = 'id="options"></script>'

/** Holds the page to this origin, where its calls go, and to the devices of a call. */
const POLICY = {
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': 'data:',
  'media-src': "'self' blob: mediastream:",
  // 'self' includes WebSockets in newer browsers only.
  'connect-src': "'self' ws: wss:",
}
const PERMISSIONS = 'camera=(self), microphone=(self), display-capture=(self)'

/**
 * @param developmentToken - signs the tokens that the page opens with
 * @param build - where the built page is, with a slash at the end; read when the first browser comes
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
      // A page of another origin must not read the tokens in this one.
      ((pathname === '/' && origin === undefined) || pathname.startsWith(ASSETS)),

    async answer(request) {
      const { html, assets } = (loaded ??= await loadBuild(build))
      const { pathname } = request.url
      if (pathname !== '/') {
        const asset = assets.get(pathname.slice(ASSETS.length))
        if (!asset) throw new RtcError('NOT_FOUND', `There is no ${shorten(pathname)}.`)
        return asset.reply(request)
      }
      const tokens = (await developmentTokensFor(request, developmentToken)) ?? {}
      const options: CallPageOptions = { tokens, userClaim }
      const page = html.replace(PLACE_FOR_OPTIONS, () => `id="options">${scriptJson(options)}</script>`)
      return htmlReply(page, POLICY, { 'Permissions-Policy': PERMISSIONS })
    },
  }
}

interface Build {
  readonly html: string
  /** By file name, which changes with the content. */
  readonly assets: ReadonlyMap<string, Asset>
}

async function loadBuild(build: URL): Promise<Build> {
  const read = (path: string) => readFile(new URL(path, build), 'utf8')
  try {
    const html = await read('index.html')
    if (!html.includes(PLACE_FOR_OPTIONS)) throw new Error('index.html has no place for the options')
    const names = await readdir(new URL('assets/', build))
    const assets = names.map(async (name): Promise<[string, Asset]> => {
      const type = TYPES[extname(name)]
      if (type === undefined) throw new Error(`assets/${name} is of an unknown type`)
      return [name, createAsset(type, await read(`assets/${name}`))]
    })
    return { html, assets: new Map(await Promise.all(assets)) }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    throw new RtcError('NOT_FOUND', 'The call page has not been built: run `npm run build`.')
  }
}
