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
const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(world.url + path, { method, headers: { ...json(), ...headers } })
const QUERY = `/graphql?query=${encodeURIComponent('{ me { id } }')}`

test('HEAD answers as GET does, without the body', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  const paths = [`/rooms`, `/rooms/${room.id}`, `/rooms/${room.id}/participants`, '/rooms/x', '/ice-servers']
  for (const path of [...paths.map((below) => REST + below), '/health/live', '/im/api/v1/openapi.json', QUERY]) {
    const [get, head] = [await ask('GET', path), await ask('HEAD', path)]
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
])('REST: %s %s is 405 and says which methods there are: %s', async (method, path, allow) => {
  const response = await ask(method, REST + path)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    405,
    'application/problem+json; charset=utf-8',
  ])
  expect(response.headers.get('allow')?.split(', ').toSorted()).toEqual(allow.split(', ').toSorted())
  if (method !== 'HEAD') {
    expect(await response.json()).toMatchObject({ status: 405, code: 'BAD_USER_INPUT', instance: REST + path })
  }
})

test('other paths: 405 for a wrong method, 404 for a wrong path', async () => {
  for (const path of ['/health/live', '/health/ready', '/im/api/v1/openapi.json']) {
    const response = await ask('POST', path)
    expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, 'GET, HEAD'])
  }
  const response = await ask('PUT', '/graphql')
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  expect(await response.json()).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT', http: { status: 405 } } }],
  })
  expect((await ask('PUT', '/nothing')).status).toBe(404)
  expect((await ask('PUT', `${REST}/nothing`)).status).toBe(404)
})

test('null as a body is no body', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  for (const verb of ['join', 'leave', 'end']) {
    expect((await world.alice.rest('POST', `/rooms/${room.id}/${verb}`, null)).status).toBe(200)
  }
})

test('/graphql/ is /graphql, for requests and sockets', async () => {
  const asked = await fetch(`${world.url}/graphql/`, {
    method: 'POST',
    headers: json(),
    body: JSON.stringify({ query: '{ me { id } }' }),
  })
  expect(await asked.json()).toEqual({ data: { me: { id: 'alice' } } })
  expect((await ask('GET', QUERY.replace('?', '/?'))).status).toBe(200)
  const peer = await openPeer(world.url, { token: world.alice.token, path: '/graphql/' })
  peer.socket.close()
})

describe.each([
  ['REST', `${REST}/rooms`, { type: 'group' }],
  ['GraphQL', '/graphql', { query: '{ me { id } }' }],
])('%s takes a body in a Content-Encoding', (_door, path, body) => {
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
  ])('%s', async (encoding, bytes) => {
    expect((await post(encoding, bytes)).status).toBeLessThan(300)
  })

  test('is bounded after decoding, too', async () => {
    const bomb = gzipSync(JSON.stringify({ ...body, name: 'x'.repeat(20_000_000) }))
    expect(bomb.length).toBeLessThan(64 * 1024)
    const response = await post('gzip', bomb)
    expect([response.status, await response.text()]).toEqual([413, expect.stringContaining('PAYLOAD_TOO_LARGE')])
  })

  test('is 415 for an unknown one, 400 for what is none', async () => {
    expect((await post('zstd', plain)).status).toBe(415)
    expect((await post('gzip, br', plain)).status).toBe(415)
    expect((await post('gzip', plain)).status).toBe(400)
  })
})
