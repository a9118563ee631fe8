import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OpenChatClient } from '@openchat/sdk'
import { browserTests, launchBrowser } from '../browser.ts'
import { type Nginx, nginxTests, startNginx } from '../nginx.ts'
import { openPeer } from '../peer.ts'
import { SECRET, startWorld, withWorld } from '../world.ts'

const page = await readFile(fileURLToPath(new URL('../../docs/operations/proxy.md', import.meta.url)), 'utf8')
const configuration = /```nginx\n([\s\S]*?)```/.exec(page)?.[1] ?? ''

const PREFIX = '/rtc'
const ROOMS = '/im/api/v1/rtc/rooms'
const create = (url: string, token: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: '{"type":"group"}',
  })

describe.runIf(nginxTests)('behind the documented nginx configuration with a path prefix', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  let nginx: Nginx
  let base: string
  beforeAll(async () => {
    world = await startWorld({
      env: { JWT_SECRET: '', CORS_ORIGINS: 'https://a.example' },
      dependencies: { developmentSecret: SECRET },
    })
    nginx = await startNginx(configuration, world.url)
    base = nginx.url + PREFIX
  })
  afterAll(async () => {
    await nginx?.close()
    await world?.close()
  })

  test('Location and the OpenAPI servers resolve to URLs of the proxy', async () => {
    const created = await create(base + ROOMS, world.alice.token)
    const location = new URL(created.headers.get('location') ?? '', created.url)
    expect(location.href).toMatch(new RegExp(`^${base}${ROOMS}/[0-9a-f-]{36}$`))
    const headers = { authorization: `Bearer ${world.alice.token}` }
    expect((await fetch(location, { headers })).status).toBe(200)

    const document = await fetch(`${base}/im/api/v1/openapi.json`)
    const { servers, paths } = (await document.json()) as { servers: [{ url: string }]; paths: object }
    expect(Object.keys(paths)).toContain(ROOMS)
    const server = new URL(servers[0].url, document.url).href.replace(/\/$/, '')
    expect(server).toBe(base)
    expect((await fetch(server + ROOMS, { headers })).status).toBe(200)
  })

  test('sockets connect, also from pages of this origin', async () => {
    const peer = await openPeer(base, { token: world.alice.token, origin: nginx.url })
    peer.send({ type: 'ping' })
    expect(await peer.receive()).toEqual({ type: 'pong' })
    peer.socket.close()
    await expect(openPeer(base, { origin: 'https://b.example' })).rejects.toThrow('403')
  })

  test('the SDK works with the prefix in its address', async () => {
    const { token } = world.alice
    const client = new OpenChatClient({ server: { baseUrl: base }, auth: { uid: 'alice', token } })
    const room = await client.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(await client.rtc.getRoom(room.id)).toMatchObject({ id: room.id, callerId: 'alice' })
    await client.destroy()
  })

  test('limits per address apply to clients, not to the proxy', () =>
    withWorld(
      async ({ url, alice }) => {
        const proxy = await startNginx(configuration, url)
        const responses = Array.from({ length: 40 }, async (_, index) => {
          const headers = { authorization: `Bearer ${alice.token}`, 'x-forwarded-for': `203.0.113.${index}` }
          return (await fetch(proxy.url + PREFIX + ROOMS, { headers })).status
        })
        // The proxy appends a loopback address, which is trusted as well.
        expect(new Set(await Promise.all(responses))).toEqual(new Set([200]))
        await proxy.close()
      },
      { env: { RATE_LIMITS: 'on', TRUST_PROXY: 'loopback', MAX_REQUESTS_PER_ADDRESS: '1' } },
    ))

  describe.runIf(browserTests)('in Chromium', { timeout: 60_000 }, () => {
    test('GraphiQL and the call page load and request nothing outside the prefix', async () => {
      const browser = await launchBrowser()
      try {
        for (const [path, name] of [
          ['/graphql', 'Execute query'],
          ['/graphql/', 'Execute query'],
          ['/', 'Call'],
        ] as const) {
          const page = await browser.newPage()
          const [requests, errors]: [string[], string[]] = [[], []]
          page.on('request', (request) => requests.push(request.url()))
          page.on('websocket', (socket) => requests.push(socket.url()))
          page.on('pageerror', (error) => errors.push(String(error)))
          const posted = page.waitForResponse((response) => response.request().method() === 'POST')
          await page.goto(base + path + (path === '/' ? '#alice' : ''))
          expect((await posted).ok()).toBe(true)
          await page.getByRole('button', { name }).first().waitFor()
          const outside = requests.filter((url) => !new URL(url).pathname.startsWith(`${PREFIX}/`))
          expect([path, outside, errors]).toEqual([path, [], []])
          await page.close()
        }
      } finally {
        await browser.close()
      }
    })
  })
})

test('returns absolute URLs with PUBLIC_URL', () =>
  withWorld(
    async ({ url, alice }) => {
      const created = await create(url + ROOMS, alice.token, { 'idempotency-key': 'once' })
      const { id } = (await created.json()) as { id: string }
      expect(created.headers.get('location')).toBe(`https://host.example/rtc${ROOMS}/${id}`)
      const document = await fetch(`${url}/im/api/v1/openapi.json`)
      expect(await document.json()).toMatchObject({ servers: [{ url: 'https://host.example/rtc' }] })
    },
    { env: { PUBLIC_URL: 'https://host.example/rtc/' } },
  ))

test('returns a Location relative to the request without PUBLIC_URL, with or without a trailing slash', () =>
  withWorld(async ({ url, alice }) => {
    for (const path of [ROOMS, `${ROOMS}/`]) {
      const created = await create(url + path, alice.token)
      const { id } = (await created.json()) as { id: string }
      expect(new URL(created.headers.get('location') ?? '', url + path).pathname).toBe(`${ROOMS}/${id}`)
    }
  }))
