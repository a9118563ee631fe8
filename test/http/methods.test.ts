import { gzipSync, brotliCompressSync, deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPeer } from '../peer.ts'
import { startWorld } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const REST = '/im/api/v1/rtc'
const json = () => ({ authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' })
const send = (method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(world.url + path, { method, headers: { ...json(), ...headers } })
const QUERY = `/graphql?query=${encodeURIComponent('{ me { id } }')}`

test('answers HEAD like GET, without the body', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  const paths = [`/rooms`, `/rooms/${room.id}`, `/rooms/${room.id}/participants`, '/rooms/x', '/ice-servers']
  for (const path of [...paths.map((below) => REST + below), '/health/live', '/im/api/v1/openapi.json', QUERY]) {
    const [get, head] = [await send('GET', path), await send('HEAD', path)]
    expect([path, head.status]).toEqual([path, get.status])
    for (const name of ['content-type', 'content-length', 'etag']) {
      expect([path, name, head.headers.get(name)]).toEqual([path, name, get.headers.get(name)])
    }
    expect(await head.text()).toBe('')
  }
})

test.each([
  ['PATCH', '/rooms', 'POST, GET, HEAD'],
  ['DELETE', '/rooms/x', 'GET, HEAD'],
  ['GET', '/rooms/x/join', 'POST'],
  ['HEAD', '/rooms/x/join', 'POST'],
  ['DELETE', '/rooms/x/end', 'POST, PUT'],
  ['POST', '/rooms/x/participants/bob', 'DELETE'],
])('answers %s %s with 405 and Allow: %s', async (method, path, allow) => {
  const response = await send(method, REST + path)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    405,
    'application/problem+json; charset=utf-8',
  ])
  expect(response.headers.get('allow')?.split(', ').toSorted()).toEqual(allow.split(', ').toSorted())
  if (method !== 'HEAD') {
    expect(await response.json()).toMatchObject({ status: 405, code: 'BAD_USER_INPUT', instance: REST + path })
  }
})

test('answers a wrong method outside REST with 405, and a wrong path with 404', async () => {
  for (const path of ['/health/live', '/health/ready', '/im/api/v1/openapi.json']) {
    const response = await send('POST', path)
    expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, 'GET, HEAD'])
  }
  const response = await send('PUT', '/graphql')
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  expect(await response.json()).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT', http: { status: 405 } } }],
  })
  expect((await send('PUT', '/nothing')).status).toBe(404)
  expect((await send('PUT', `${REST}/nothing`)).status).toBe(404)
})

test('treats a null body as an empty one', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  for (const verb of ['join', 'leave', 'end']) {
    expect((await world.alice.rest('POST', `/rooms/${room.id}/${verb}`, null)).status).toBe(200)
  }
})

test('serves requests and sockets at /graphql/ as at /graphql', async () => {
  const response = await fetch(`${world.url}/graphql/`, {
    method: 'POST',
    headers: json(),
    body: JSON.stringify({ query: '{ me { id } }' }),
  })
  expect(await response.json()).toEqual({ data: { me: { id: 'alice' } } })
  expect((await send('GET', QUERY.replace('?', '/?'))).status).toBe(200)
  const peer = await openPeer(world.url, { token: world.alice.token, path: '/graphql/' })
  peer.socket.close()
})

describe.each([
  ['REST', `${REST}/rooms`, { type: 'group' }],
  ['GraphQL', '/graphql', { query: '{ me { id } }' }],
])('%s with Content-Encoding', (_api, path, body) => {
  const post = (encoding: string, bytes: Buffer) =>
    fetch(world.url + path, {
      method: 'POST',
      headers: { ...json(), 'content-encoding': encoding },
      body: new Uint8Array(bytes),
    })
  const plain = Buffer.from(JSON.stringify(body))

  test.each([
    ['gzip', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['identity', plain],
    ['GZIP', gzipSync(plain)],
  ])('accepts %s', async (encoding, bytes) => {
    expect((await post(encoding, bytes)).status).toBeLessThan(300)
  })

  test('limits the decoded size', async () => {
    const bomb = gzipSync(JSON.stringify({ ...body, name: 'x'.repeat(20_000_000) }))
    expect(bomb.length).toBeLessThan(64 * 1024)
    const response = await post('gzip', bomb)
    expect([response.status, await response.text()]).toEqual([413, expect.stringContaining('PAYLOAD_TOO_LARGE')])
  })

  test('answers an unknown encoding with 415, and undecodable content with 400', async () => {
    expect((await post('zstd', plain)).status).toBe(415)
    expect((await post('gzip, br', plain)).status).toBe(415)
    expect((await post('gzip', plain)).status).toBe(400)
  })
})
