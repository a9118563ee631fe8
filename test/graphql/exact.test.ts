import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPeer } from '../peer.ts'
import { startWorld } from '../world.ts'

/** Input that JavaScript would round, drop or convert is refused over every transport; the error names its path. */

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const CREATE = 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id metadata } } }'

interface Refusal {
  readonly code: string
  readonly text: string
}

/** Each sends `input`, which is literal JSON text, and returns how it was refused. */
const DOORS: Record<string, (input: string, type: string) => Promise<Refusal>> = {
  async REST(input, type) {
    const response = await fetch(`${world.url}/im/api/v1/rtc/rooms`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
      body: input.replace('TYPE', type.toLowerCase()),
    })
    const text = await response.text()
    return { code: (JSON.parse(text) as { code: string }).code, text }
  },
  async POST(input, type) {
    const response = await fetch(`${world.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
      body: `{"query":${JSON.stringify(CREATE)},"variables":{"input":${input.replace('TYPE', type)}}}`,
    })
    return refusalIn(await response.text())
  },
  async WS(input, type) {
    const peer = await openPeer(world.url, { token: world.alice.token })
    const variables = `{"input":${input.replace('TYPE', type)}}`
    peer.send(`{"id":"1","type":"subscribe","payload":{"query":${JSON.stringify(CREATE)},"variables":${variables}}}`)
    const { payload } = await peer.receive()
    peer.socket.close()
    // Errors of variables arrive as a result, other errors as an error message.
    return refusalIn(JSON.stringify({ errors: payload.errors ?? payload }))
  },
}

function refusalIn(text: string): Refusal {
  const { errors } = JSON.parse(text) as { errors: [{ extensions: { code: string } }] }
  return { code: errors[0].extensions.code, text }
}

const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

describe.each(Object.entries(DOORS))('over %s', (_door, send) => {
  test.each([
    ['calleeId', '{"type":"TYPE","calleeId":9007199254740993}'],
    ['calleeId', '{"type":"TYPE","calleeId":1e21}'],
    ['calleeId', '{"type":"TYPE","calleeId":7}'],
    ['calleeId', '{"type":"TYPE","calleeId":{"toString":"1"}}'],
    ['metadata.n', '{"type":"TYPE","calleeId":"bob","metadata":{"n":1234567890123456789}}'],
    ['metadata.a.1.n', '{"type":"TYPE","calleeId":"bob","metadata":{"a":[0,{"n":1e400}]}}'],
    ['metadata.__proto__', '{"type":"TYPE","calleeId":"bob","metadata":{"__proto__":{"admin":true}}}'],
    ['metadata.__proto__', '{"type":"TYPE","calleeId":"bob","metadata":{"\\u005f_proto__":1}}'],
    ['metadata.a', '{"type":"TYPE","calleeId":"bob","metadata":{"a":1,"a":2}}'],
    ['', `{"type":"TYPE","calleeId":"bob","metadata":{"a":${deep(20_000)}}}`],
    ['metadata', `{"type":"TYPE","calleeId":"bob","metadata":{"a":${deep(40)}}}`],
    ['', `{"type":"TYPE","calleeId":"bob","participantIds":[${'{},'.repeat(15_000)}{}]}`],
  ])('refuses %s', async (path, input) => {
    const { code, text } = await send(input, 'P2P')
    expect(code).toBe('BAD_USER_INPUT')
    expect(text).toContain(path)
    expect(text.length).toBeLessThan(20_000)
  })

  test('refuses thousands of invalid values with a short error', async () => {
    const { code, text } = await send(`{"type":"TYPE","participantIds":[${'{},'.repeat(9_000)}{}]}`, 'GROUP')
    expect(code).toBe('BAD_USER_INPUT')
    expect(text.length).toBeLessThan(70_000)
  })
})

describe('in a document', () => {
  test.each([
    ['input.metadata.n', 'metadata: { n: 1234567890123456789 }'],
    ['input.metadata.a.1', 'metadata: { a: [0, 1e400] }'],
    ['input.metadata.kind', 'metadata: { kind: VIDEO }'],
    ['input.metadata.__proto__', 'metadata: { __proto__: 1 }'],
    ['calleeId', 'calleeId: 9007199254740993'],
  ])('refuses %s', async (path, field) => {
    const { status, body } = await world.alice.graphql(
      `mutation { createRoom(input: { type: GROUP, ${field} }) { replayed } }`,
    )
    expect([status, body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
    expect(JSON.stringify(body)).toContain(path)
  })

  test('checks the default values of variables', async () => {
    const { body } = await world.alice.graphql(
      'mutation ($m: JSON = { n: 1e400 }) { createRoom(input: { type: GROUP, metadata: $m }) { replayed } }',
    )
    expect(body.errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ path: '$m.n' }] })
  })
})

test('returns representable metadata unchanged', async () => {
  const metadata = { a: 0.1, b: -1.5e-7, c: 9_007_199_254_740_991, d: 1e21, e: [null, true, {}], f: '9007199254740993' }
  const { body } = await world.alice.graphql(CREATE, { input: { type: 'GROUP', metadata } })
  expect(body.data.createRoom.room.metadata).toEqual(metadata)
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group', metadata })
  expect(room.metadata).toEqual(metadata)
})

test('refuses a signal whose payload cannot be represented exactly', async () => {
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  for (const person of [world.alice, world.bob]) await person.rest('POST', `/rooms/${room.id}/join`)
  const response = await fetch(`${world.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
    body: `{"query":"mutation ($p: JSON!) { sendSignal(input: {roomId: \\"${room.id}\\", toId: \\"bob\\", type: OFFER, payload: $p}) { signal { seq } } }","variables":{"p":{"n":1234567890123456789}}}`,
  })
  const text = await response.text()
  expect(response.status).toBe(400)
  expect(text).toContain('p.n')
})
