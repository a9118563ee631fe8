import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { SECRET, withWorld } from '../world.ts'

/** The page that a browser gets when it requests it by this host name. */
async function pageBy(host: string, url: string): Promise<string> {
  const sent = request(url, { headers: { host, accept: 'text/html' } }).end()
  const [response] = await once(sent, 'response')
  return text(response)
}

const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]+/

const OWN = ['localhost', 'localhost:3000', '127.0.0.1:3000', '192.168.1.5:3000', '[::1]:3000', '[::1]']
const STRANGE = ['rebound.example', 'rebound.example:3000', 'localhost.example', '127.0.0.1.example']

describe.each(['/', '/graphql'])('the page at %s', (path) => {
  it('contains development tokens only if it is requested by an IP address or as localhost', () =>
    withWorld(
      async ({ url }) => {
        const hasTokens = async (host: string) => [host, TOKEN.test(await pageBy(host, url + path))]
        expect(await Promise.all(OWN.map(hasTokens))).toEqual(OWN.map((host) => [host, true]))
        expect(await Promise.all(STRANGE.map(hasTokens))).toEqual(STRANGE.map((host) => [host, false]))
      },
      { env: { JWT_SECRET: '' }, dependencies: { developmentSecret: SECRET } },
    ))
})
