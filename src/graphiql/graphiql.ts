import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { RtcError, shorten } from '../core/errors.ts'
import { type Asset, createAsset, hashOf } from '../http/asset.ts'
import { type DevelopmentToken, type DevelopmentTokens, developmentTokensFor } from '../http/development-tokens.ts'
import { htmlReply, scriptJson } from '../http/html.ts'
import type { HttpReply, HttpRequest } from '../http/message.ts'
import { relativeAddress } from '../http/relative.ts'
import { EXAMPLES } from './examples.ts'
import { type PageOptions, pageScript } from './page.ts'

/** Serves GraphiQL without requests to other hosts. */
export interface GraphiQL {
  /** Whether the request is for the page, which requires `Accept: text/html`, or for one of its assets. */
  serves(request: HttpRequest): boolean
  /** @throws RtcError NOT_FOUND for an asset of another version */
  answer(request: HttpRequest): Promise<HttpReply>
}

/**
 * @param path - the GraphQL path; the page is served at it, its assets below it
 * @param developmentToken - signs the tokens that the page starts with
 */
export function createGraphiQL(dependencies: {
  readonly path: string
  readonly developmentToken: DevelopmentToken | undefined
}): GraphiQL {
  const { path, developmentToken } = dependencies
  const assetPrefix = `${path}/graphiql-`
  const isPage = (pathname: string) => pathname === path || pathname === `${path}/`
  // Nine megabytes, so they are read at the first request.
  let loading: Promise<Assets> | undefined

  return {
    serves: ({ method, url: { pathname }, headers: { accept, origin } }) =>
      (method === 'GET' || method === 'HEAD') &&
      // Pages of other origins must not read the tokens in this page.
      ((isPage(pathname) && accept?.includes('text/html') === true && origin === undefined) ||
        pathname.startsWith(assetPrefix)),

    async answer(request) {
      const { version, byName } = await (loading ??= loadAssets())
      const assets = `${assetPrefix}${version}/`
      const { pathname } = request.url
      if (isPage(pathname)) {
        // Relative, because a proxy may add a prefix to all paths.
        const relative = { path: relativeAddress(pathname, path), assets: `${relativeAddress(pathname, assets)}/` }
        return pageReply({ ...relative, ...tabsFor(await developmentTokensFor(request, developmentToken)) })
      }
      const asset = pathname.startsWith(assets) ? byName.get(pathname.slice(assets.length)) : undefined
      if (!asset) throw new RtcError('NOT_FOUND', `${shorten(pathname)} does not exist.`)
      return asset.reply(request)
    },
  }
}

function tabsFor(tokens: DevelopmentTokens | undefined): Pick<PageOptions, 'examples' | 'headers' | 'tokens'> {
  const bearer = (token: string) => JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2)
  const headers = {
    alice: bearer(tokens?.alice ?? '<your token>'),
    bob: bearer(tokens?.bob ?? "<bob's token>"),
  }
  const examples = EXAMPLES.map(({ as, query, variables = {} }) => ({
    query,
    variables: JSON.stringify(variables, null, 2),
    headers: headers[as],
  }))
  return { examples, headers: headers.alice, tokens: tokens ?? {} }
}

interface Assets {
  readonly version: string
  readonly byName: ReadonlyMap<string, Asset>
}

async function loadAssets(): Promise<Assets> {
  const { css, js, editorWorkerService, jsonWorker, graphqlWorker } =
    await import('@graphql-yoga/render-graphiql/graphiql')
  const client = createRequire(import.meta.url).resolve('graphql-ws/client')
  const graphqlWs = await readFile(join(dirname(client), '../umd/graphql-ws.min.js'), 'utf8')
  const script = 'text/javascript; charset=utf-8'
  const assets = {
    'graphiql.css': createAsset('text/css; charset=utf-8', `${css}\n${STEADY_TABS}`),
    'graphiql.js': createAsset(script, `${js};\n${graphqlWs};\n${pageScript()}`),
    // The names are the labels by which the editor requests its workers.
    'editorWorkerService.js': createAsset(script, editorWorkerService),
    'json.js': createAsset(script, jsonWorker),
    'graphql.js': createAsset(script, graphqlWorker),
  }
  const version = hashOf(Object.values(assets).map(({ hash }) => hash))
  return { version, byName: new Map(Object.entries(assets)) }
}

/** GraphiQL keeps a stale transform on its tabs after the first layout, which moves a tab away while it is clicked. */
const STEADY_TABS = '.graphiql-tab.graphiql-tab { transform: none !important }'

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#d60590"/></svg>',
)}`

/** Restricts the page to its own origin. Monaco adds inline styles, which contain icons and fonts. */
const POLICY = {
  'script-src': "'self'",
  'worker-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'font-src': "'self' data:",
  // Older browsers do not include WebSockets in 'self'.
  'connect-src': "'self' ws: wss:",
}

const pageReply = (options: PageOptions): HttpReply =>
  htmlReply(
    `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>RTC gateway · GraphiQL</title>
    <link rel="icon" href="${ICON}" />
    <link rel="stylesheet" href="${options.assets}graphiql.css" />
    <script type="application/json" id="options">${scriptJson(options)}</script>
    <script defer src="${options.assets}graphiql.js"></script>
  </head>
  <body class="no-focus-outline">
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root"></div>
  </body>
</html>
`,
    POLICY,
    { Vary: 'Accept' },
  )
