import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { createMetricsEndpoint } from '../../src/metrics/endpoint.ts'
import { startMetricsListener } from '../../src/metrics/listener.ts'
import { startWorld, withWorld } from '../world.ts'
import { METRICS_TOKEN } from './scrape.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0, loopbackOnly: false }
const log = createLogger('silent')

test('without METRICS_PORT and METRICS_TOKEN there are no metrics', () =>
  withWorld(async ({ app, url }) => {
    expect(app.metrics).toBeUndefined()
    const response = await fetch(`${url}/metrics`)
    expect([response.status, await response.json()]).toEqual([404, expect.objectContaining({ code: 'NOT_FOUND' })])
  }))

describe('with METRICS_TOKEN, on the port of the gateway', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  beforeAll(async () => {
    world = await startWorld({ env: { METRICS_TOKEN } })
  })
  afterAll(() => world.close())
  const get = (authorization?: string, method = 'GET') =>
    fetch(`${world.url}/metrics`, { method, headers: authorization === undefined ? {} : { authorization } })

  test.each([`Bearer ${METRICS_TOKEN}`, `bearer  ${METRICS_TOKEN}`])(
    'the token as bearer reads them (%s)',
    async (value) => {
      const response = await get(value)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(await response.text()).toMatch(
        /^rtc_build_info\{version="\d+\.\d+\.\d+",node_version="v\d+\.\d+\.\d+"\} 1$/m,
      )
    },
  )

  test.each([
    ['no token', undefined],
    ['another token', `Bearer ${METRICS_TOKEN}x`],
    ['a prefix of the token', `Bearer ${METRICS_TOKEN.slice(0, -1)}`],
    ['the token without a scheme', METRICS_TOKEN],
    ['a very long token', `Bearer ${'x'.repeat(8_000)}`],
  ])('%s is refused with the code UNAUTHENTICATED', async (_, authorization) => {
    const response = await get(authorization)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(await response.json()).toMatchObject({ code: 'UNAUTHENTICATED', instance: '/metrics' })
  })

  test("a user's token does not read them", async () => {
    const admin = await world.token('operator', { scopes: ['rtc:admin'] })
    expect((await get(`Bearer ${admin}`)).status).toBe(401)
  })

  test('HEAD answers without a body, and other methods are refused', async () => {
    const head = await get(`Bearer ${METRICS_TOKEN}`, 'HEAD')
    expect([head.status, await head.text()]).toEqual([200, ''])
    const post = await get(`Bearer ${METRICS_TOKEN}`, 'POST')
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})

describe('with METRICS_PORT', () => {
  const endpoint = createMetricsEndpoint(
    { scrape: async () => ({ contentType: 'text/plain', body: 'a 1\n' }) },
    undefined,
  )

  test('they have a port of their own, and the port of the gateway has none', () =>
    withWorld(
      async ({ app, url }) => {
        expect(app.metrics).toBeDefined()
        expect((await fetch(`${url}/metrics`)).status).toBe(404)
      },
      { env: { METRICS_PORT: '0' } },
    ))

  test('the port serves nothing else', async () => {
    const listener = await startMetricsListener(endpoint, { at: LOOPBACK, log })
    try {
      const url = `http://127.0.0.1:${listener.port}`
      const metrics = await fetch(`${url}/metrics?from=prometheus`)
      expect([metrics.status, await metrics.text()]).toEqual([200, 'a 1\n'])
      const other = await fetch(`${url}/graphql`, { method: 'POST', body: 'x' })
      expect([other.status, await other.json()]).toEqual([404, expect.objectContaining({ code: 'NOT_FOUND' })])
    } finally {
      await listener.close()
    }
  })

  test('a port in use is reported with its variable', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    try {
      await expect(startMetricsListener(endpoint, { at: { ...LOOPBACK, port }, log })).rejects.toThrow(
        /^METRICS_PORT: port \d+ is in use \(.*\); choose another port/,
      )
    } finally {
      other.close()
    }
  })
})
