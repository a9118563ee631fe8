import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCallPage, type CallPageOptions } from '../../src/http/call-page.ts'
import { PageBuild } from '../../src/http/page-build.ts'
import { RequestRecord } from '../../src/http/record.ts'
import { createPerson, SECRET, startWorld, withWorld } from '../world.ts'

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const developing = (env: Record<string, string> = {}) => ({
  env: { JWT_SECRET: '', ...env },
  dependencies: { developmentSecret: SECRET },
})

const optionsText = (page: string) =>
  /<script type="application\/json" id="options">(.*?)<\/script>/s.exec(page)?.[1] ?? ''
const optionsOf = (page: string) => JSON.parse(optionsText(page)) as CallPageOptions

describe('the call page', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  let page: string
  let scripts: string[]
  beforeAll(async () => {
    world = await startWorld(developing())
    page = await (await fetch(world.url, { headers: HTML })).text()
    scripts = [...page.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => world.url + path)
  })
  afterAll(() => world.close())

  it('contains valid tokens of alice and bob in development mode', async () => {
    const { tokens, userClaim } = optionsOf(page)
    const users = await Promise.all(
      Object.entries(tokens).map(async ([id, token]) => {
        const { body } = await createPerson(world.url, id, token).graphql('{ me { id } }')
        return [id, body.data.me.id]
      }),
    )
    expect(users).toEqual([
      ['alice', 'alice'],
      ['bob', 'bob'],
    ])
    expect(userClaim).toBe('sub')
  })

  it('does not expose its tokens to other origins', async () => {
    const response = await fetch(world.url, { headers: { ...HTML, origin: 'https://elsewhere.example' } })
    expect(response.status).toBe(404)
    expect(await response.text()).not.toContain(optionsOf(page).tokens['alice'])
  })

  it('contains no tokens if the gateway has a key, and is served only if enabled', async () => {
    await withWorld(
      async ({ url }) => {
        const response = await fetch(url, { headers: HTML })
        expect(optionsOf(await response.text())).toEqual({ tokens: {}, userClaim: 'uid' })
      },
      { env: { CALL_PAGE: 'on', JWT_USER_CLAIM: 'uid' } },
    )
    await withWorld(async ({ url }) => expect((await fetch(url, { headers: HTML })).status).toBe(404))
  })

  it('is served in production only if its variable enables it', async () => {
    const env = { NODE_ENV: 'production' }
    await withWorld(async ({ url }) => expect((await fetch(url, { headers: HTML })).status).toBe(404), { env })
    await withWorld(async ({ url }) => expect((await fetch(url, { headers: HTML })).status).toBe(200), {
      env: { ...env, CALL_PAGE: 'on' },
    })
  })

  it('can be switched off in development mode, with its assets', () =>
    withWorld(
      async ({ url }) => {
        for (const path of ['/', '/worker.js', ...scripts.map((script) => new URL(script).pathname)]) {
          const answer = await fetch(url + path, { headers: HTML })
          expect(await answer.json()).toMatchObject({ status: 404, code: 'NOT_FOUND' })
        }
      },
      // Both pages share assets.
      developing({ CALL_PAGE: 'off', ADMIN_PAGE: 'off' }),
    ))

  it('forbids caching, framing, sniffing and other origins, and allows camera, microphone and screen', async () => {
    const { headers } = await fetch(world.url, { headers: HTML })
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('permissions-policy')).toBe('camera=(self), microphone=(self), display-capture=(self)')
    const policy = headers.get('content-security-policy')?.split('; ')
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self' ws: wss:",
        "media-src 'self' blob: mediastream:",
        "frame-ancestors 'none'",
      ]),
    )
  })

  it('loads nothing from other origins', () => {
    expect(scripts.length).toBeGreaterThan(1)
    const elsewhere = [...page.matchAll(/(?:src|href)="(?!\.\/|data:)([^"]*)"/g)]
    expect(elsewhere.map(([, address]) => address)).toEqual([])
  })

  it('answers HEAD with the headers of GET', async () => {
    for (const url of [world.url, ...scripts]) {
      const [get, head] = [await fetch(url, { headers: HTML }), await fetch(url, { headers: HTML, method: 'HEAD' })]
      expect(head.status).toBe(200)
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'))
      expect(await head.text()).toBe('')
    }
  })

  it('transfers less than 50 kB', async () => {
    const sizes = scripts.map(async (script) => {
      const { headers } = await fetch(script, { headers: { 'accept-encoding': 'gzip' } })
      expect(headers.get('content-encoding')).toBe('gzip')
      return Number(headers.get('content-length'))
    })
    const weight = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    expect(weight).toBeGreaterThan(5000)
    expect(weight).toBeLessThan(50_000)
  })

  it('serves its service worker at the root, as one script that may do nothing but be a worker', async () => {
    const response = await fetch(`${world.url}/worker.js`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-cache')
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'")
    const script = await response.text()
    expect(script).toContain('notificationclick')
    expect(script).not.toMatch(/\b(import|export)\b/)
  })

  it('serves assets as immutable, under hashed names', async () => {
    for (const script of scripts) {
      const first = await fetch(script)
      expect(script).toMatch(/-[\w-]{8}\.(js|css)$/)
      expect(first.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      const again = await fetch(script, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } })
      expect(again.status).toBe(304)
    }
    const yesterday = await fetch(`${world.url}/assets/index-yesterda.js`)
    expect(await yesterday.json()).toMatchObject({ code: 'NOT_FOUND' })
  })

  it('escapes its options, whatever a token contains', async () => {
    const nasty = '</script><!--<script>alert(1)</script>\u2028"$&'
    const { body } = await answerOf(
      createCallPage({ developmentToken: () => Promise.resolve(nasty), userClaim: 'sub' }),
    )
    expect(optionsText(String(body))).not.toContain('<')
    expect(optionsOf(String(body)).tokens).toEqual({ alice: nasty, bob: nasty })
  })

  it('says what to run when it was not built', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'rtc-page-'))
    try {
      const build = pathToFileURL(`${empty}/`)
      const answer = answerOf(
        createCallPage({ developmentToken: undefined, userClaim: 'sub', build: new PageBuild(build) }),
      )
      await expect(answer).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining('npm run build'),
      })
    } finally {
      await rm(empty, { recursive: true })
    }
  })
})

function answerOf(page: ReturnType<typeof createCallPage>) {
  const body = () => Promise.reject(new Error('The body is not read.'))
  const headers = { ...HTML, host: 'localhost' }
  const address = '127.0.0.1'
  const record = new RequestRecord({ id: 'x' }, { method: 'GET', address })
  return page.answer({ method: 'GET', url: new URL('http://gateway/'), headers, address, record, body })
}
