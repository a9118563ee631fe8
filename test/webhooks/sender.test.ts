import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { parseRetryAfter, WebhookSender } from '../../src/webhooks/sender.ts'
import { type EndpointServer, startEndpoint } from './endpoint-server.ts'

const senders: WebhookSender[] = []
const endpoints: EndpointServer[] = []
afterEach(async () => {
  for (const sender of senders.splice(0)) sender.close()
  for (const endpoint of endpoints.splice(0)) await endpoint.close()
})

/** A sender with a resolver that returns the given addresses, one list for each resolution. */
function senderWith(allowPrivate: boolean, ...answers: readonly (readonly string[])[]) {
  const resolved: string[] = []
  const resolve = (hostname: string, callback: (error: Error | null, addresses: LookupAddress[]) => void) => {
    const answer = answers[resolved.length] ?? []
    resolved.push(hostname)
    callback(
      null,
      answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
  const sender = new WebhookSender({ allowPrivate, resolve })
  senders.push(sender)
  const post = (url: string) => sender.post({ url, headers: {}, body: '{}', signal: new AbortController().signal })
  return { post, resolved }
}

async function endpoint(...args: Parameters<typeof startEndpoint>) {
  const started = await startEndpoint(...args)
  endpoints.push(started)
  return started
}

describe('a name', () => {
  test.each([
    ['a private address', ['10.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['a public and a private address', ['8.8.8.8', '127.0.0.1']],
    ['an IPv4 address in IPv6', ['::ffff:127.0.0.1']],
  ])('that resolves to %s is refused', async (_kind, addresses) => {
    const { url, requests } = await endpoint()
    const { post } = senderWith(false, addresses)
    await expect(post(url.replace('127.0.0.1', 'hooks.example.com'))).rejects.toThrow('the address is private')
    expect(requests).toEqual([])
  })

  test('is resolved once, and the connection is made to the address that was checked', async () => {
    const { url, requests } = await endpoint()
    const { post, resolved } = senderWith(true, ['127.0.0.1'], ['192.0.2.1'])
    await expect(post(url.replace('127.0.0.1', 'hooks.example.com'))).resolves.toMatchObject({ status: 204 })
    expect(resolved).toEqual(['hooks.example.com'])
    expect(requests[0]?.headers.host).toMatch(/^hooks\.example\.com:/)
  })

  test('that does not exist is an error of the attempt', async () => {
    const sender = new WebhookSender({ allowPrivate: false })
    senders.push(sender)
    const request = { url: 'https://does-not-exist.invalid/', headers: {}, body: '{}' }
    await expect(sender.post({ ...request, signal: new AbortController().signal })).rejects.toThrow('getaddrinfo')
  })

  test('without an address is an error', async () => {
    await expect(senderWith(true, []).post('http://hooks.example.com/')).rejects.toThrow('no address')
  })
})

test.each(['http://127.0.0.1/', 'http://2130706433/', 'http://[::1]/', 'http://[::ffff:7f00:1]/', 'http://0.0.0.0/'])(
  'the address %s is refused without a resolution',
  async (url) => {
    const { post, resolved } = senderWith(false)
    await expect(post(url)).rejects.toThrow('the address is private')
    expect(resolved).toEqual([])
  },
)

test('a response without end does not keep the attempt waiting', async () => {
  const { url } = await endpoint(() => ({ status: 200, headers: { 'content-length': '1000000' } }))
  await expect(senderWith(true).post(url)).resolves.toEqual({ status: 200, retryAfter: undefined })
})

test('a kept connection that the receiver closes as a request arrives is no failure', async () => {
  const requests = new Map<Socket, number>()
  let reset = 0
  const server = createServer((request, response) => {
    const { socket } = request
    const count = (requests.get(socket) ?? 0) + 1
    requests.set(socket, count)
    if (count === 1) response.writeHead(204).end()
    else {
      reset += 1
      socket.resetAndDestroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { post } = senderWith(true)
  try {
    for (let nth = 0; nth < 3; nth += 1) {
      await expect(post(`http://127.0.0.1:${port}/`)).resolves.toMatchObject({ status: 204 })
    }
    expect(reset).toBe(2)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('an aborted attempt fails', async () => {
  const { url } = await endpoint(() => new Promise(() => undefined))
  const sender = new WebhookSender({ allowPrivate: true })
  senders.push(sender)
  const abort = new AbortController()
  const attempt = sender.post({ url, headers: {}, body: '{}', signal: abort.signal })
  abort.abort()
  await expect(attempt).rejects.toThrow(/abort/i)
})

test('Retry-After is read as seconds or as a date, up to a day', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(parseRetryAfter('120', now)).toBe(120_000)
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  expect(parseRetryAfter('999999999', now)).toBe(86_400_000)
  expect(parseRetryAfter('soon', now)).toBeUndefined()
  expect(parseRetryAfter(undefined, now)).toBeUndefined()
})
