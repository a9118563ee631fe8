import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Logger } from '../../src/core/logger.ts'
import { createLogger } from '../../src/core/logger.ts'
import { openPeer, subscribe } from '../peer.ts'
import { startWorld } from '../world.ts'
import { openRaw, request } from './raw.ts'

/** Everything logged above `info`. */
const warnings: unknown[] = []
function recordingLogger(): Logger {
  const log = createLogger('info')
  for (const level of ['warn', 'error', 'fatal'] as const) {
    log[level] = (...logged: unknown[]) => void warnings.push(logged)
  }
  log.info = () => {}
  return log
}

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { log: recordingLogger() } })
})
afterAll(() => world.close())

const REST = '/im/api/v1/rtc'
const LONG = 'x'.repeat(8_000)

test('sends X-Content-Type-Options: nosniff with every JSON response', async () => {
  const authorization = `Bearer ${world.alice.token}`
  const paths = ['/health/live', '/nothing', '/im/api/v1/openapi.json', `${REST}/rooms`, `${REST}/rooms/x`, '/graphql']
  for (const path of paths) {
    const { headers } = await fetch(world.url + path, { headers: { authorization } })
    expect([path, headers.get('content-type'), headers.get('x-content-type-options')]).toEqual([
      path,
      expect.stringContaining('json'),
      'nosniff',
    ])
  }
})

test('does not echo large input in errors, over any transport', async () => {
  const { alice, url } = world
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`field${index}`, LONG.slice(0, 20)]))
  const answers = [
    await alice.rest('GET', `/${LONG}`),
    await alice.rest('GET', `/rooms/${LONG}`),
    await alice.rest('PATCH', `/rooms/${LONG}`),
    await alice.rest('GET', `/rooms?${LONG}=1`),
    await alice.rest('POST', '/rooms', { [LONG]: 1 }),
    await alice.rest('POST', '/rooms', { type: LONG, calleeId: LONG, mediaType: LONG }),
    await alice.rest('POST', '/rooms', many),
    await alice.rest('POST', '/rooms', { type: 'group', participantIds: Array<number>(2_000).fill(7) }),
    await alice.graphql(`{ ${LONG} }`),
    await alice.graphql(`{ room(id: "${LONG}") { id } }`),
    await alice.graphql(`mutation { createRoom(input: { type: ${LONG} }) { replayed } }`),
    await alice.graphql('query ($id: ID!) { room(id: $id) { id } }', { id: { [LONG]: LONG } }),
    await alice.graphql('mutation ($input: CreateRoomInput!) { createRoom(input: $input) { replayed } }', {
      input: { type: LONG },
    }),
  ]
  for (const [index, { status, body }] of answers.entries()) {
    expect([index, status]).toEqual([index, expect.toSatisfy((code: number) => code >= 400 && code < 500)])
    expect([index, JSON.stringify(body).length]).toEqual([
      index,
      expect.toSatisfy((length: number) => length < (index === 6 || index === 7 ? 16_000 : 3_000)),
    ])
  }
  const peer = await openPeer(url, { token: alice.token })
  peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${LONG}") { seq } }`))
  expect(JSON.stringify(await peer.receive()).length).toBeLessThan(3_000)
  peer.send(subscribe('2', `subscription { ${LONG} { seq } }`))
  expect(JSON.stringify(await peer.receive()).length).toBeLessThan(3_000)
  peer.socket.close()
})

test('logs aborted and malformed requests at info or below', async () => {
  const { alice, url } = world
  const headers = { Authorization: `Bearer ${alice.token}`, 'Content-Type': 'application/json' }
  for (const path of [`${REST}/rooms`, '/graphql']) {
    const partialBody = await openRaw(url)
    partialBody.write(request('POST', path, { ...headers, 'Content-Length': '1000' }))
    partialBody.write('{"')
    // After this response on another connection, the handler of the first request is waiting for its body.
    expect((await alice.rest('GET', '/rooms')).status).toBe(200)
    partialBody.socket.destroy()
    const disconnected = await openRaw(url)
    disconnected.write(request('GET', `${REST}/rooms`, headers))
    disconnected.socket.destroy()
    const malformed = await openRaw(url)
    malformed.write('GET / HTTP/9.9\r\n\r\n')
    await malformed.closed
    const badChunk = await openRaw(url)
    badChunk.write(`${request('POST', path, { ...headers, 'Transfer-Encoding': 'chunked' })}zz\r\n`)
    await badChunk.closed
  }
  // The gateway handles these requests after it has detected the closed connections.
  for (let index = 0; index < 20; index += 1) expect((await alice.rest('GET', '/rooms')).status).toBe(200)
  expect(warnings).toEqual([])
})
