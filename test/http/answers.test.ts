import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Logger } from '../../src/core/logger.ts'
import { createLogger } from '../../src/core/logger.ts'
import { openPeer, subscribe } from '../peer.ts'
import { startWorld } from '../world.ts'
import { openRaw, request } from './raw.ts'

/** Everything that is logged above `info`. */
const loud: unknown[] = []
function listeningLog(): Logger {
  const log = createLogger('info')
  for (const level of ['warn', 'error', 'fatal'] as const) log[level] = (...logged: unknown[]) => void loud.push(logged)
  log.info = () => {}
  return log
}

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { log: listeningLog() } })
})
afterAll(() => world.close())

const REST = '/im/api/v1/rtc'
const LONG = 'x'.repeat(8_000)

test('every answer in JSON tells browsers not to sniff', async () => {
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

test('an error does not echo a large input, at any door', async () => {
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

test('what clients break off is not logged above info', async () => {
  const { alice, url } = world
  const headers = { Authorization: `Bearer ${alice.token}`, 'Content-Type': 'application/json' }
  for (const path of [`${REST}/rooms`, '/graphql']) {
    const half = await openRaw(url)
    half.write(request('POST', path, { ...headers, 'Content-Length': '1000' }))
    half.write('{"')
    // Answered on another connection: by now the first one's handler waits for its body.
    expect((await alice.rest('GET', '/rooms')).status).toBe(200)
    half.socket.destroy()
    const gone = await openRaw(url)
    gone.write(request('GET', `${REST}/rooms`, headers))
    gone.socket.destroy()
    const nonsense = await openRaw(url)
    nonsense.write('GET / HTTP/9.9\r\n\r\n')
    await nonsense.closed
    const chunk = await openRaw(url)
    chunk.write(`${request('POST', path, { ...headers, 'Transfer-Encoding': 'chunked' })}zz\r\n`)
    await chunk.closed
  }
  // The next ones are served after those were noticed.
  for (let index = 0; index < 20; index += 1) expect((await alice.rest('GET', '/rooms')).status).toBe(200)
  expect(loud).toEqual([])
})
