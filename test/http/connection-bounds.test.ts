import { describe, expect, test } from 'vitest'
import { TIMEOUTS } from '../../src/core/timeouts.ts'
import { openPeer } from '../peer.ts'
import { withWorld } from '../world.ts'
import { openRaw, type Raw, request, statuses, UPGRADE } from './raw.ts'

/** Opens `count` connections one after the other, each of which sends `text`. */
async function openMany(count: number, open: () => Promise<Raw>, text: string): Promise<Raw[]> {
  const raws: Raw[] = []
  for (let index = 0; index < count; index += 1) {
    const raw = await open()
    raw.write(text)
    raws.push(raw)
  }
  return raws
}

const jsonHeaders = (token: string) => ({ Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' })
const PARTIAL_HEAD = 'GET /health/live HTTP/1.1\r\nHost: gateway\r\nX-Padding: '
const withoutBody = (token: string) => request('POST', '/graphql', { ...jsonHeaders(token), 'Content-Length': '60000' })

describe('unauthenticated connections of one address', () => {
  const env = { RATE_LIMITS: 'on', MAX_CONNECTIONS_PER_ADDRESS: '20' }

  test.each([
    ['that send nothing', () => ''],
    ['with an incomplete head', () => PARTIAL_HEAD],
    ['with an incomplete body', withoutBody],
    ['that upgrade but never initialise', () => request('GET', '/graphql', UPGRADE)],
  ])('%s are evicted oldest first over the limit; active clients are still served', (_kind, textOf) =>
    withWorld(
      async ({ url, alice, bob }) => {
        const raws = await openMany(60, () => openRaw(url), textOf(alice.token))
        await Promise.all(raws.slice(0, 40).map(({ closed }) => closed))
        expect(raws.slice(-10).filter(({ socket }) => socket.closed)).toEqual([])
        expect((await bob.rest('GET', '/rooms')).status).toBe(200)
        const peer = await openPeer(url, { token: bob.token })
        // Once signed in, the connection counts against its user's limit and is not evicted.
        const more = await openMany(60, () => openRaw(url), textOf(alice.token))
        await Promise.all(more.slice(0, 40).map(({ closed }) => closed))
        peer.send({ type: 'ping' })
        expect(await peer.receive()).toEqual({ type: 'pong' })
        peer.socket.close()
        for (const { socket } of [...raws, ...more]) socket.destroy()
      },
      { env },
    ),
  )

  test('do not count against another address', () =>
    withWorld(
      async ({ url }) => {
        const other = await openRaw(url, { from: '127.0.0.2' })
        const raws = await openMany(40, () => openRaw(url, { from: '127.0.0.3' }), PARTIAL_HEAD)
        await Promise.all(raws.slice(0, 20).map(({ closed }) => closed))
        other.write(request('GET', '/health/live'))
        expect(statuses(await other.until((text) => text.includes('}')))).toEqual([200])
        for (const { socket } of [other, ...raws]) socket.destroy()
      },
      { env },
    ))
})

test('evicts the longest idle connection over the total limit, but never an authenticated socket', () =>
  withWorld(
    async ({ url, alice, bob }) => {
      const peer = await openPeer(url, { token: alice.token })
      const raws = await openMany(30, () => openRaw(url), '')
      await Promise.all(raws.slice(0, 20).map(({ closed }) => closed))
      expect((await bob.rest('GET', '/rooms')).status).toBe(200)
      peer.send({ type: 'ping' })
      expect(await peer.receive()).toEqual({ type: 'pong' })
      peer.socket.close()
      for (const { socket } of raws) socket.destroy()
    },
    { env: { MAX_CONNECTIONS: '10' } },
  ))

/** In the same proportion as the default timeouts. */
const SHORT_TIMEOUTS = { requestHead: 1_000, request: 3_000 }

test('closes connections with an incomplete head, an incomplete body or no request within a minute', () => {
  expect(TIMEOUTS).toMatchObject({ requestHead: 10_000, request: 30_000 })
  return withWorld(
    async ({ url, alice }) => {
      const texts = [PARTIAL_HEAD, withoutBody(alice.token), withoutBody('no token'), '']
      const ends = texts.map(async (text) => {
        const raw = await openRaw(url)
        raw.write(text)
        return statuses(await raw.closed)
      })
      expect(await Promise.all(ends)).toEqual([[408], [408], [401, 408], [408]])
    },
    { dependencies: { timeouts: SHORT_TIMEOUTS } },
  )
})

test('keeps an idle connection open beyond the timeout for request heads', () =>
  withWorld(
    async ({ url }) => {
      const raw = await openRaw(url)
      raw.write(request('GET', '/health/live'))
      const first = await raw.until((text) => text.includes('}'))
      expect(first).toContain('Keep-Alive: timeout=75')
      const late = await openRaw(url)
      // This connection is closed by the timeout for heads; the idle one stays open.
      await late.closed
      raw.write(request('GET', '/health/live'))
      expect(statuses(await raw.until((text) => text.split('}').length === 3))).toEqual([200, 200])
      raw.socket.destroy()
    },
    { dependencies: { timeouts: SHORT_TIMEOUTS } },
  ))

test('closes an idle connection after KEEP_ALIVE_TIMEOUT', () =>
  withWorld(
    async ({ url }) => {
      const raw = await openRaw(url)
      raw.write(request('GET', '/health/live'))
      expect(await raw.closed).toContain('Keep-Alive: timeout=1')
    },
    { env: { KEEP_ALIVE_TIMEOUT: '1' } },
  ))

describe('requests in flight', () => {
  const listRooms = (token: string) => request('GET', '/im/api/v1/rtc/rooms', { Authorization: `Bearer ${token}` })

  test('over the limit of an address get 429 with Retry-After, except for health', () =>
    withWorld(
      async ({ url, alice }) => {
        const raws = await openMany(30, () => openRaw(url), '')
        for (const raw of raws) raw.write(listRooms(alice.token))
        const health = await openRaw(url)
        health.write(request('GET', '/health/live'))
        expect(statuses(await health.until((text) => text.includes('}')))).toEqual([200])
        const texts = await Promise.all(raws.map((raw) => raw.until((text) => text.endsWith('}'))))
        const refused = texts.filter((text) => statuses(text)[0] === 429)
        expect(refused.length).toBeGreaterThan(0)
        expect(refused.length).toBeLessThan(30)
        for (const text of refused) expect(text).toMatch(/Retry-After: 1\r\n[^]*"code":"RATE_LIMITED"/)
        for (const { socket } of [...raws, health]) socket.destroy()
      },
      { env: { RATE_LIMITS: 'on', MAX_REQUESTS_PER_ADDRESS: '1' } },
    ))

  test('over the total limit get 503 with Retry-After, in the format of the API', () =>
    withWorld(
      async ({ url, alice }) => {
        const query = encodeURIComponent('{ rooms { edges { node { id } } } }')
        const graphql = request('GET', `/graphql?query=${query}`, { Authorization: `Bearer ${alice.token}` })
        for (const [text, form] of [
          [listRooms(alice.token), /application\/problem\+json[^]*"code":"UNAVAILABLE"/],
          [graphql, /application\/json[^]*"extensions":\{"code":"UNAVAILABLE"/],
        ] as const) {
          const raws = await openMany(30, () => openRaw(url), '')
          for (const raw of raws) raw.write(text)
          const texts = await Promise.all(raws.map((raw) => raw.until((all) => all.endsWith('}'))))
          const refused = texts.filter((all) => statuses(all)[0] === 503)
          expect(refused.length).toBeGreaterThan(0)
          for (const all of refused) {
            expect(all).toMatch(form)
            expect(all).toContain('Retry-After: 1\r\n')
          }
          for (const { socket } of raws) socket.destroy()
        }
      },
      { env: { MAX_REQUESTS: '1' } },
    ))

  test('of a trusted proxy count against the forwarded address only', () =>
    withWorld(
      async ({ url, alice }) => {
        const forwarded = (address: string) =>
          request('GET', '/im/api/v1/rtc/rooms', {
            Authorization: `Bearer ${alice.token}`,
            'X-Forwarded-For': `203.0.113.66, ${address}`,
          })
        const statusesOf = async (textOf: (index: number) => string) => {
          const raws = await openMany(30, () => openRaw(url), '')
          for (const [index, raw] of raws.entries()) raw.write(textOf(index))
          const texts = await Promise.all(raws.map((raw) => raw.until((all) => all.endsWith('}'))))
          for (const { socket } of raws) socket.destroy()
          return new Set(texts.flatMap(statuses))
        }
        expect(await statusesOf((index) => forwarded(`198.51.100.${index}`))).toEqual(new Set([200]))
        expect(await statusesOf(() => forwarded('198.51.100.1'))).toEqual(new Set([200, 429]))
      },
      {
        env: {
          RATE_LIMITS: 'on',
          MAX_REQUESTS_PER_ADDRESS: '1',
          TRUST_PROXY: 'loopback',
          MAX_CONNECTIONS_PER_ADDRESS: '1',
        },
      },
    ))
})

test('limits the bytes of incomplete bodies per address; other addresses are not affected', () =>
  withWorld(async ({ url, alice, bob }) => {
    const raws = await openMany(200, () => openRaw(url, { from: '127.0.0.2' }), '')
    const head = request('POST', '/graphql', { ...jsonHeaders(alice.token), 'Content-Length': '200001' })
    for (const raw of raws) raw.write(head + ' '.repeat(200_000))
    const refused = await Promise.any(raws.map((raw) => raw.until((text) => text.includes('RATE_LIMITED'))))
    expect(statuses(refused)).toEqual([429])
    expect((await bob.rest('POST', '/rooms', { type: 'group' })).status).toBe(201)
    for (const { socket } of raws) socket.destroy()
    // Closing the connections has released their bytes.
    const next = await openRaw(url, { from: '127.0.0.2' })
    next.write(request('POST', '/graphql', jsonHeaders(alice.token), '{"query":"{ me { id } }"}'))
    expect(statuses(await next.until((text) => text.endsWith('}')))).toEqual([200])
    next.socket.destroy()
  }))
