import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Where examples expect the gateway. */
const GATEWAY = 'http://localhost:3000'

/** The text of an example. */
export const readExample = (name: string): Promise<string> => readFile(pathOf(name), 'utf8')

/** An example for a gateway at another address. */
export function withGateway(example: string, url: string): string {
  if (!example.includes(GATEWAY)) throw new Error(`the example does not say that its gateway is at ${GATEWAY}`)
  return example.replaceAll(GATEWAY, url)
}

export const pathOf = (name: string): string => fileURLToPath(new URL(`../../docs/examples/${name}`, import.meta.url))

/** An example as Vite builds it, in a page as Vite's templates have it. */
export async function bundleExample(name: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    define: { 'process.env.NODE_ENV': '"development"' },
    build: { write: false, minify: false, lib: { entry: pathOf(name), formats: ['es'] } },
  })
  const [first] = Array.isArray(built) ? built : [built]
  if (!first || !('output' in first)) throw new Error('the bundle is not written')
  const script = first.output[0].code.replaceAll('</script', String.raw`<\/script`)
  return `<!doctype html><div id="root"></div><div id="app"></div><script type="module">${script}</script>`
}

const TYPES: Readonly<Record<string, string>> = { html: 'text/html; charset=utf-8', js: 'text/javascript' }

/**
 * Serves a page at `/`, and folders beside it by the first part of the path, as any file server does.
 *
 * @returns where the page is
 */
export async function servePage(html: string, folders: Readonly<Record<string, string>> = {}): Promise<PageServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const [, folder = '', ...rest] = pathname.split('/')
    const content = pathname === '/' ? html : readFile(`${folders[folder]}/${rest.join('/')}`)
    Promise.resolve(content).then(
      (body) => {
        const type = TYPES[pathname === '/' ? 'html' : pathname.slice(pathname.lastIndexOf('.') + 1)]
        response.writeHead(200, type ? { 'content-type': type } : {}).end(body)
      },
      () => response.writeHead(404).end(),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface PageServer {
  readonly url: string
  close(): Promise<void>
}
