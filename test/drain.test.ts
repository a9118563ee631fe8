import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { openPeer } from './peer.ts'
import { startGateway, withDirectory } from './process.ts'

test('SIGTERM: not ready, no new sockets, requests answered, those connected sent away one after the other, exit 0', async () => {
  await withDirectory(async (DATA_DIR) => {
    const gateway = await startGateway({ DATA_DIR, DRAIN_TIME: '2' })
    const { url, tokens } = gateway
    const closes: { code: number; at: number }[] = []
    for (const token of [tokens['alice'], tokens['bob']]) {
      for (let count = 0; count < 10; count += 1) {
        const peer = await openPeer(url, { token: token ?? '' })
        void peer.closed.then((code) => closes.push({ code, at: performance.now() }))
      }
    }
    const exit = gateway.stop('SIGTERM')
    await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(503)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
    const headers = { authorization: `Bearer ${tokens['alice']}`, 'content-type': 'application/json' }
    const asked = await fetch(`${url}/graphql`, { method: 'POST', headers, body: '{"query":"{ me { id } }"}' })
    expect(await asked.json()).toEqual({ data: { me: { id: 'alice' } } })
    expect(asked.headers.get('connection')).toBe('close')
    const late = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    const [error] = (await once(late, 'error')) as [Error]
    expect(error.message).toContain('503')

    expect(await exit).toBe(0)
    expect(closes.map(({ code }) => code)).toEqual(Array(20).fill(1012))
    const times = closes.map(({ at }) => at)
    // Twenty over two seconds: the last is sent away long after the first.
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1000)
  })
})
