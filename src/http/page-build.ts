import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { RtcError, shorten } from '../core/errors.ts'
import { type Asset, createAsset } from './asset.ts'
import { htmlReply, scriptJson } from './html.ts'
import type { HttpReply, HttpRequest } from './message.ts'

/** Resolves to the same directory from `src/http` and `dist/http`. */
const BUILD = new URL('../../dist/web/', import.meta.url)
const ASSETS = '/assets/'
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}
const OPTIONS_PLACEHOLDER = 'id="options"></script>'

/** How a page is served. */
export interface PageOptions {
  /** Passed to the page as JSON in its element `#options`. */
  readonly options: object
  /** The Content-Security-Policy by directive; anything else is forbidden. */
  readonly policy: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** The pages built from `src/web`, and the assets that they share. Read at the first request. */
export class PageBuild {
  readonly #directory: URL
  readonly #pages = new Map<string, Promise<string>>()
  #worker: Promise<string> | undefined
  #assets: Promise<ReadonlyMap<string, Asset>> | undefined

  /** @param directory - of the built pages, with a trailing slash */
  constructor(directory = BUILD) {
    this.#directory = directory
  }

  /** Whether a path is one of an asset. */
  servesAsset = (pathname: string): boolean => pathname.startsWith(ASSETS)

  /** @throws RtcError NOT_FOUND if the page has not been built */
  async page(name: string, { options, policy, headers = {} }: PageOptions): Promise<HttpReply> {
    const html = await this.#htmlOf(name)
    const page = html.replace(OPTIONS_PLACEHOLDER, () => `id="options">${scriptJson(options)}</script>`)
    return htmlReply(page, policy, headers)
  }

  /** @throws RtcError NOT_FOUND for an asset of another build */
  async asset(request: HttpRequest): Promise<HttpReply> {
    const { pathname } = request.url
    const asset = (await (this.#assets ??= this.#loadAssets())).get(pathname.slice(ASSETS.length))
    if (!asset) throw new RtcError('NOT_FOUND', `${shorten(pathname)} does not exist.`)
    return asset.reply(request)
  }

  /**
   * The service worker of the pages. Browsers look for a new version at its URL.
   *
   * @throws RtcError NOT_FOUND if the pages have not been built
   */
  async worker(): Promise<HttpReply> {
    return {
      status: 200,
      headers: {
        'Content-Type': TYPES['.js'] ?? '',
        'Cache-Control': 'no-cache',
        'Content-Security-Policy': "default-src 'none'",
        'X-Content-Type-Options': 'nosniff',
      },
      body: await (this.#worker ??= this.#loadWorker()),
    }
  }

  #htmlOf(name: string): Promise<string> {
    const html = this.#pages.get(name) ?? this.#loadPage(name)
    this.#pages.set(name, html)
    html.catch(() => this.#pages.delete(name))
    return html
  }

  #loadWorker(): Promise<string> {
    const worker = this.#read('worker.js')
    worker.catch(() => (this.#worker = undefined))
    return worker
  }

  async #loadPage(name: string): Promise<string> {
    const html = await this.#read(name)
    if (!html.includes(OPTIONS_PLACEHOLDER)) throw new Error(`${name} has no placeholder for the options`)
    return html
  }

  /** By file name, which contains a hash of the content. */
  async #loadAssets(): Promise<ReadonlyMap<string, Asset>> {
    const names = await readdir(new URL(`.${ASSETS}`, this.#directory)).catch(notBuilt)
    const assets = names.map(async (name): Promise<[string, Asset]> => {
      const type = TYPES[extname(name)]
      if (type === undefined) throw new Error(`assets/${name} has an unknown type`)
      return [name, createAsset(type, await this.#read(`assets/${name}`))]
    })
    return new Map(await Promise.all(assets))
  }

  #read(path: string): Promise<string> {
    return readFile(new URL(path, this.#directory), 'utf8').catch(notBuilt)
  }
}

function notBuilt(error: unknown): never {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  throw new RtcError('NOT_FOUND', 'The page has not been built: run `npm run build`.')
}
