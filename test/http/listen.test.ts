import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { reportSkipped } from '../requirement.ts'
import { SECRET, withWorld } from '../world.ts'

const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
const hasIPv6 = addresses.some(({ address }) => address === '::1')
if (!hasIPv6) reportSkipped('TESTS OF IPv6: it is not available here')
const others = addresses.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address)

/** Whether the gateway is reachable at a host, on the port of a URL. */
const answersAt = (host: string, url: string): Promise<boolean> =>
  fetch(Object.assign(new URL('/health/live', url), { hostname: host })).then(
    ({ ok }) => ok,
    () => false,
  )

describe.runIf(hasIPv6)('without HOST', () => {
  test('listens in development mode on IPv4 and IPv6 loopback only', async () => {
    const options = { env: { HOST: '', JWT_SECRET: '' }, dependencies: { developmentSecret: SECRET } }
    await withWorld(async ({ url }) => {
      for (const host of ['127.0.0.1', '[::1]', 'localhost'])
        expect([host, await answersAt(host, url)]).toEqual([host, true])
      for (const host of others) expect([host, await answersAt(host, url)]).toEqual([host, false])
    }, options)
  })

  test('listens on all addresses if a key is configured', async () => {
    await withWorld(
      async ({ url }) => {
        for (const host of ['127.0.0.1', '[::1]', 'localhost', ...others]) {
          expect([host, await answersAt(host, url)]).toEqual([host, true])
        }
      },
      { env: { HOST: '' } },
    )
  })
})

test('listens on HOST only', async () => {
  await withWorld(async ({ url }) => {
    expect(await answersAt('127.0.0.1', url)).toBe(true)
    expect(await answersAt('[::1]', url)).toBe(false)
  })
})
