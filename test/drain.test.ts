import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { openRaw, request, UPGRADE } from './http/raw.ts'
import { openPeer } from './peer.ts'
import { startGateway, withPreparedData } from './process.ts'

test('SIGTERM fails readiness, refuses new sockets, answers requests, drains sockets gradually and exits with 0', async () => {
  await withPreparedData(async (DATA_DIR) => {
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
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: '{"query":"{ me { id } }"}' })
    expect(await response.json()).toEqual({ data: { me: { id: 'alice' } } })
    expect(response.headers.get('connection')).toBe('close')
    const late = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    const [error] = (await once(late, 'error')) as [Error]
    expect(error.message).toContain('503')

    expect(await exit).toBe(0)
    expect(closes.map(({ code }) => code)).toEqual(Array(20).fill(1012))
    const times = closes.map(({ at }) => at)
    // Twenty sockets over two seconds: the last is closed long after the first.
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1000)
  })
})

test('SIGTERM closes connections without a request in flight immediately, and exits even if clients hang', async () => {
  await withPreparedData(async (DATA_DIR) => {
    const gateway = await startGateway({ DATA_DIR, DRAIN_TIME: '3' })
    const { url, tokens } = gateway
    const authorization = { Authorization: `Bearer ${tokens['alice']}`, 'Content-Type': 'application/json' }
    const open = async (text: string, read = true) => {
      const raw = await openRaw(url, { read })
      raw.write(text)
      return raw
    }
    const silent = await open('')
    const partialHead = await open('GET /health/live HTTP/1.1\r\nHost: gateway\r\nX-Padding: ')
    const idle = await open(request('GET', '/health/live'))
    await idle.until((text) => text.endsWith('}'))
    // Connections with a request in flight and sockets, none of which the client closes.
    const hanging = [
      await open(request('POST', '/graphql', { ...authorization, 'Content-Length': '1000' })),
      await open(request('GET', '/im/api/v1/openapi.json').repeat(2000), false),
      await open(request('GET', '/graphql', UPGRADE)),
      await open(request('GET', '/graphql', UPGRADE), false),
    ]
    await hanging[2]?.until((text) => text.includes(' 101 '))
    const peer = await openPeer(url, { token: tokens['alice'] ?? '' })
    peer.socket.pause()

    const startedAt = performance.now()
    const exit = gateway.stop('SIGTERM')
    await Promise.all([silent.closed, partialHead.closed, idle.closed])
    // Still draining: the sockets are open.
    expect((await fetch(`${url}/health/ready`)).status).toBe(503)
    expect(await exit).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan((3 + 5) * 1000)
    for (const { socket } of hanging) socket.destroy()
    peer.socket.terminate()
  })
})
