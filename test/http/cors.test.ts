import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { startWorld } from '../world.ts'

describe('by default', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.close())

  test('allows all request headers', async () => {
    const requested =
      'authorization,content-type,traceparent,baggage,sentry-trace,x-request-id,apollo-require-preflight'
    for (const path of ['/graphql', '/im/api/v1/rtc/rooms', '/im/api/v1/rtc/rooms/x/participants/bob']) {
      const { status, headers } = await fetch(world.url + path, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://app.example',
          'access-control-request-method': 'DELETE',
          'access-control-request-headers': requested,
        },
      })
      expect([status, headers.get('access-control-allow-origin')]).toEqual([204, '*'])
      expect(headers.get('access-control-allow-headers')).toBe(requested)
      expect(headers.get('access-control-allow-methods')).toContain('DELETE')
      expect(headers.get('vary')).toContain('Access-Control-Request-Headers')
    }
  })

  test('exposes response headers to pages, also with errors', async () => {
    for (const authorization of [`Bearer ${world.alice.token}`, 'Bearer wrong']) {
      const { headers } = await fetch(`${world.url}/im/api/v1/rtc/rooms`, {
        headers: { origin: 'https://app.example', authorization },
      })
      const exposed = headers.get('access-control-expose-headers')?.split(', ')
      for (const name of ['Location', 'Idempotent-Replayed', 'Retry-After', 'Link']) expect(exposed).toContain(name)
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
    }
  })
})

describe('with CORS_ORIGINS', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  beforeAll(async () => {
    const env = {
      CORS_ORIGINS: 'https://App.example:443/, https://*.wild.example',
      PUBLIC_URL: 'https://rtc.example/rtc',
    }
    world = await startWorld({ env })
  })
  afterAll(() => world.close())

  const ALLOWED = ['https://app.example', 'https://a.wild.example', 'https://a.b.wild.example']
  const REFUSED = [
    'http://app.example',
    'https://app.example.evil.example',
    'https://wild.example',
    'https://evilwild.example',
    'https://evil.example/.wild.example',
    'null',
  ]

  test('allows only pages of these origins to read responses', async () => {
    for (const origin of [...ALLOWED, ...REFUSED]) {
      const { headers } = await fetch(`${world.url}/health/live`, { headers: { origin } })
      const expected = ALLOWED.includes(origin) ? origin : null
      expect([origin, headers.get('access-control-allow-origin')]).toEqual([origin, expected])
      expect(headers.get('vary')).toContain('Origin')
    }
  })

  test("accepts sockets only from these origins, the gateway's own pages and clients without an origin", async () => {
    const opened = async (origin: string | undefined) => {
      const socket = new WebSocket(`${world.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
        ...(origin !== undefined && { origin }),
      })
      const outcome = await new Promise<string>((resolve) => {
        socket.once('open', () => resolve('open'))
        socket.on('error', (error) => resolve(error.message))
      })
      socket.terminate()
      return outcome
    }
    for (const origin of [undefined, ...ALLOWED, world.url, 'https://rtc.example']) {
      expect([origin, await opened(origin)]).toEqual([origin, 'open'])
    }
    for (const origin of REFUSED) {
      expect([origin, await opened(origin)]).toEqual([origin, 'Unexpected server response: 403'])
    }
  })
})
