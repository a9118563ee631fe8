import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld } from '../world.ts'
import { openRaw, request, responses, statuses } from './raw.ts'

const REST = '/im/api/v1/rtc'
let statements: string[] = []
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
})
afterAll(() => world.close())

const authorization = () => ({ Authorization: `Bearer ${world.alice.token}` })

test('answers pipelined requests one at a time and in order', async () => {
  const created = await world.alice.rest('POST', '/rooms', { type: 'group' })
  const path = `${REST}/rooms/${created.body.id}`
  const raw = await openRaw(world.url)
  const json = { ...authorization(), 'Content-Type': 'application/json' }
  const paths = ['/join', '/leave', '/nothing', '/join']
  const sent = Array.from({ length: 50 }, () => paths.map((verb) => request('POST', path + verb, json, '{}')).join(''))
  raw.write(sent.join(''))
  const text = await raw.until((all) => responses(all) === 200 && all.endsWith('}'))
  expect(statuses(text)).toEqual(Array.from({ length: 50 }, () => [200, 200, 404, 200]).flat())
  const states = [...text.matchAll(/"state":"(joined|left)"/g)].map(([, state]) => state)
  expect(states.filter((state) => state === 'joined')).toHaveLength(100)
  raw.socket.destroy()
})

test('reads a large body completely when pipelined requests follow it', async () => {
  const raw = await openRaw(world.url)
  const json = { ...authorization(), 'Content-Type': 'application/json' }
  const body = JSON.stringify({ query: `{ me { id } } # ${'x'.repeat(12_000)}` })
  raw.write(request('POST', '/graphql', json, body) + request('GET', '/health/live').repeat(100))
  const text = await raw.until((all) => responses(all) === 101 && all.endsWith('}'))
  expect(text).toContain('{"data":{"me":{"id":"alice"}}}')
  raw.socket.destroy()
})

test('leaves 20 000 pipelined requests in kernel buffers while their client reads nothing, then answers all', async () => {
  const before = process.memoryUsage().rss
  const raws = await Promise.all(Array.from({ length: 10 }, () => openRaw(world.url, { read: false })))
  for (const raw of raws) raw.write(request('GET', '/im/api/v1/openapi.json').repeat(2_000))
  // Other clients are served meanwhile.
  for (let index = 0; index < 200; index += 1) {
    expect((await world.bob.rest('GET', '/rooms')).status).toBe(200)
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024)
  const [first, ...others] = raws
  for (const raw of others) raw.socket.destroy()
  let seen = 0
  let tail = ''
  first?.socket.removeAllListeners('data')
  await new Promise<void>((resolve) => {
    first?.socket.on('data', (chunk: Buffer) => {
      const text = tail + chunk.toString('latin1')
      seen += responses(text)
      tail = text.slice(-12)
      if (responses(tail) > 0) tail = ''
      if (seen === 2_000) resolve()
    })
    first?.socket.resume()
  })
  first?.socket.destroy()
})

test('queries the database for readiness at most once per second', async () => {
  const queries = () => statements.filter((sql) => sql.includes('SELECT 1')).length
  statements = []
  const began = performance.now()
  const raws = await Promise.all(Array.from({ length: 4 }, () => openRaw(world.url)))
  for (const raw of raws) raw.write(request('GET', '/health/ready').repeat(500))
  for (const raw of raws) {
    const text = await raw.until((all) => responses(all) === 500)
    expect(new Set(statuses(text))).toEqual(new Set([200]))
    raw.socket.destroy()
  }
  expect(queries()).toBeGreaterThan(0)
  expect(queries()).toBeLessThanOrEqual(1 + (performance.now() - began) / 1000)
})

test('closes the connection of an upgrade that follows an unanswered request', async () => {
  const raw = await openRaw(world.url)
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
  raw.write(request('GET', '/health/ready') + request('GET', '/graphql', upgrade))
  expect(await raw.closed).not.toContain('101 ')
})

test('does not let fast pipelined requests starve other connections', async () => {
  const [flood, other] = [await openRaw(world.url), await openRaw(world.url)]
  flood.write(request('GET', '/health/live').repeat(1_000))
  other.write(request('GET', '/health/live'))
  await other.until((text) => text.endsWith('}'))
  expect(responses(flood.text())).toBeLessThan(1_000)
  await flood.until((text) => responses(text) === 1_000)
  for (const { socket } of [flood, other]) socket.destroy()
})
