import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXAMPLES } from '../../src/graphiql/examples.ts'
import { createGraphiQL } from '../../src/graphiql/graphiql.ts'
import type { PageOptions } from '../../src/graphiql/page.ts'
import { schema } from '../../src/graphql/schema.ts'
import { RequestRecord } from '../../src/http/record.ts'
import { browserTests } from '../browser.ts'
import { startWorld, withWorld } from '../world.ts'
import { developing, response, run, shown, tab, useGraphiQL } from './page.ts'

const SCREENSHOTS = join(tmpdir(), 'rtc-gateway-screenshots')
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

const optionsText = (page: string) =>
  /<script type="application\/json" id="options">(.*?)<\/script>/s.exec(page)?.[1] ?? ''
const optionsOf = (page: string) => JSON.parse(optionsText(page)) as PageOptions
const authorizationIn = (headers: string | null | undefined) =>
  (JSON.parse(headers ?? '{}') as { Authorization: string }).Authorization

describe('GraphiQL', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  let page: string
  let script: string
  beforeAll(async () => {
    world = await startWorld(developing())
    page = await (await fetch(`${world.url}/graphql`, { headers: HTML })).text()
    script = new URL(`${optionsOf(page).assets}graphiql.js`, `${world.url}/graphql`).href
  })
  afterAll(() => world.close())

  it('is served only to clients that accept HTML; others get data', async () => {
    const url = `${world.url}/graphql?query=${encodeURIComponent('{ me { id } }')}`
    for (const accept of ['*/*', 'application/json', 'application/graphql-response+json']) {
      const response = await fetch(url, { headers: { accept, authorization: `Bearer ${world.alice.token}` } })
      expect(await response.json()).toEqual({ data: { me: { id: 'alice' } } })
    }
    expect((await fetch(url, { headers: HTML })).headers.get('content-type')).toBe('text/html; charset=utf-8')
  })

  it('answers HEAD with the headers of GET', async () => {
    for (const url of [`${world.url}/graphql`, script]) {
      const [get, head] = [await fetch(url, { headers: HTML }), await fetch(url, { headers: HTML, method: 'HEAD' })]
      expect(head.status).toBe(200)
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'))
      expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'))
      expect(await head.text()).toBe('')
    }
  })

  it('starts in development mode with valid tokens of alice and bob in their tabs', async () => {
    const { examples, headers } = optionsOf(page)
    const users = await Promise.all(
      [headers, ...examples.map((tab) => tab.headers)].map(async (json) => {
        const authorization = authorizationIn(json)
        return (await world.app.authenticate(authorization)).id
      }),
    )
    expect(users).toEqual(['alice', ...EXAMPLES.map(({ as }) => as)])
  })

  it('shows a placeholder for the token if the gateway has a key', () =>
    withWorld(async ({ url }) => {
      const options = optionsOf(await (await fetch(`${url}/graphql`, { headers: HTML })).text())
      expect(authorizationIn(options.headers)).toBe('Bearer <your token>')
      expect(options.tokens).toEqual({})
    }))

  it('is not served in production', () =>
    withWorld(
      async ({ url }) => {
        expect((await fetch(`${url}/graphql`, { headers: HTML })).status).toBe(401)
        expect((await fetch(`${url}${new URL(script).pathname}`)).status).toBe(404)
      },
      { env: { NODE_ENV: 'production' } },
    ))

  it('is not served to pages of other origins', async () => {
    const response = await fetch(`${world.url}/graphql`, { headers: { ...HTML, origin: 'https://elsewhere.example' } })
    expect(response.status).toBe(401)
  })

  it('forbids caching, framing, content sniffing and requests to other origins', async () => {
    const { headers } = await fetch(`${world.url}/graphql`, { headers: HTML })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';.* frame-ancestors 'none'$/)
  })

  it('escapes tokens so that they cannot inject markup', async () => {
    const nasty = '</script><!--<script>alert(1)</script>\u2028"'
    const graphiql = createGraphiQL({ path: '/graphql', developmentToken: () => Promise.resolve(nasty) })
    const request = {
      method: 'GET',
      url: new URL('http://gateway/graphql'),
      address: '127.0.0.1',
      record: new RequestRecord({ id: 'x' }, { method: 'GET', address: '127.0.0.1' }),
      headers: { ...HTML, host: 'localhost' },
      body: unread,
    }
    expect(graphiql.serves(request)).toBe(true)
    const { body } = await graphiql.answer(request)
    expect(optionsText(String(body))).not.toContain('<')
    expect(optionsOf(String(body)).tokens).toEqual({ alice: nasty, bob: nasty })
  })

  it.each([
    ['gzip', 'gzip, deflate', 1_600_000],
    ['br', 'gzip, deflate, br', 1_400_000],
    ['br', 'BR;q=1.0', 1_400_000],
    ['gzip', 'br;q=0, gzip', 1_600_000],
    [null, 'identity', 6_000_000],
    [null, 'gzip;q=0', 6_000_000],
  ])('sends its script as %s to clients that accept %s', async (encoding, accepted, size) => {
    const response = await fetch(script, { headers: { 'accept-encoding': accepted } })
    expect(response.headers.get('content-encoding')).toBe(encoding)
    expect(response.headers.get('vary')).toBe('Accept-Encoding')
    expect(Number(response.headers.get('content-length'))).toBeLessThan(size)
    expect((await response.text()).length).toBeGreaterThan(5_000_000)
  })

  it('serves its script as immutable and answers conditional requests with 304', async () => {
    const first = await fetch(script, { headers: { 'accept-encoding': 'gzip' } })
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]+"$/)
    expect(first.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')

    for (const candidates of [etag, `"other", W/${etag}`, '*']) {
      const again = await fetch(script, { headers: { 'accept-encoding': 'gzip', 'if-none-match': candidates } })
      expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: '' })
      expect(again.headers.get('etag')).toBe(etag)
    }
    for (const accepted of ['br', 'identity']) {
      const other = await fetch(script, { headers: { 'accept-encoding': accepted, 'if-none-match': etag } })
      expect(other.status).toBe(200)
    }
  })

  it('answers requests for other versions or names of its script with 404', async () => {
    for (const url of [
      `${world.url}/graphql/graphiql-of-yesterday/graphiql.js`,
      script.replace(/[^/]+$/, 'toString'),
    ]) {
      const answer = await fetch(url)
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ code: 'NOT_FOUND' })
    }
  })

  it('has examples that are valid in the schema', () => {
    expect(EXAMPLES.flatMap(({ query }) => validate(schema, parse(query)))).toEqual([])
  })
})

describe.runIf(browserTests)('GraphiQL in Chromium', { timeout: 60_000 }, () => {
  const open = useGraphiQL()

  it('shows a call from its first to its last event by clicks alone', () =>
    withWorld(async ({ url }) => {
      const { page, errors, requests, events } = await open(url)
      // The docs are open from the start, which requires the schema.
      await shown(page).in('.graphiql-plugin').toContain('RoomUpdate')

      await run(page, 'CreateRoom')
      await response(page).toContain('"WAITING"')
      await run(page, 'JoinAsAlice')
      await response(page).toMatch(/"alice"[^]*"JOINED"/)
      await run(page, 'WatchRoom')
      await response(page).toContain('SNAPSHOT')
      await run(page, 'JoinAsBob')
      await response(page).toMatch(/"bob"[^]*"JOINED"/)

      await tab(page, 'WatchRoom').click()
      await response(page).toMatch(/ROOM_STARTED[^]*PARTICIPANT_JOINED[^]*"bob"[^]*SNAPSHOT/)
      await mkdir(SCREENSHOTS, { recursive: true })
      await page.screenshot({ path: join(SCREENSHOTS, 'graphiql.png') })
      await run(page, 'EndRoom')
      await response(page).toContain('"COMPLETED"')
      await tab(page, 'WatchRoom').click()
      await response(page).toMatch(/ROOM_ENDED[^]*ROOM_STARTED/)

      expect(events).toEqual(['SNAPSHOT', 'PARTICIPANT_JOINED', 'ROOM_STARTED', 'ROOM_ENDED', 'closed'])
      expect(errors).toEqual([])
      expect(requests.filter((asked) => new URL(asked).host !== new URL(url).host)).toEqual([])
      expect(requests).toContain(`${url.replace('http', 'ws')}/graphql`)
    }, developing()))

  it('asks for a token if the gateway has a key', () =>
    withWorld(async ({ url }) => {
      const { page, errors } = await open(url)
      await shown(page).in('[aria-label="Headers"]').toContain('Bearer <your token>')
      await response(page).toContain('Put your token into Headers')
      expect(errors).toEqual([])
    }))
})

const unread = () => Promise.reject(new Error('The body is not read.'))
