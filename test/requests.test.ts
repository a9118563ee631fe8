import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWorld } from './world.ts'

/** Errors before any command is executed: the same code and status over REST and GraphQL. */

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

interface Sent {
  readonly authorization?: string
  readonly type?: string
  readonly body?: string | Uint8Array<ArrayBuffer>
}

const doors = {
  REST: {
    path: '/im/api/v1/rtc/rooms',
    codeOf: (body: { code: string }) => body.code,
    valid: JSON.stringify({ type: 'group' }),
    problem: 'application/problem+json; charset=utf-8',
  },
  GraphQL: {
    path: '/graphql',
    codeOf: (body: { errors: [{ extensions: { code: string } }] }) => body.errors[0].extensions.code,
    valid: JSON.stringify({ query: '{ me { id } }' }),
    problem: 'application/json; charset=utf-8',
  },
}

describe.each(Object.entries(doors))('%s', (_name, door) => {
  const post = async ({ authorization = `Bearer ${world.alice.token}`, type = 'application/json', body }: Sent) => {
    const response = await fetch(world.url + door.path, {
      method: 'POST',
      headers: { ...(authorization && { authorization }), 'content-type': type },
      body: body ?? door.valid,
    })
    const text = await response.text()
    expect(text).not.toMatch(/ at .*\.[jt]s:\d+/)
    return { status: response.status, type: response.headers.get('content-type'), body: JSON.parse(text) }
  }
  const codeOf = async (sent: Sent): Promise<[number, string]> => {
    const { status, type, body } = await post(sent)
    expect(type).toBe(door.problem)
    return [status, door.codeOf(body)]
  }

  test('accepts a valid request', async () => {
    expect((await post({})).status).toBeLessThan(300)
  })

  test.each([
    ['no token', ''],
    ['another scheme', 'Basic YWxpY2U6'],
    ['a scheme without a token', 'Bearer '],
    ['garbage', 'Bearer a.b.c'],
    ['alg none', 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.'],
  ])('refuses %s', async (_what, authorization) => {
    expect(await codeOf({ authorization })).toEqual([401, 'UNAUTHENTICATED'])
  })

  test('refuses an expired token', async () => {
    const authorization = `Bearer ${await world.token('alice', { ttl: -60 })}`
    expect(await codeOf({ authorization })).toEqual([401, 'UNAUTHENTICATED'])
  })

  test.each([
    ['truncated', '{"type": "p2p", '],
    ['not JSON', 'hello'],
    ['a lone quote', '"'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['an array', '[]'],
    ['a string', '"p2p"'],
    ['null', 'null'],
    ['nested very deeply', '['.repeat(20_000)],
  ])('refuses a body that is %s', async (_what, body) => {
    expect(await codeOf({ body })).toEqual([400, 'BAD_USER_INPUT'])
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/graphql',
  ])('refuses a body of type %s', async (type) => {
    expect(await codeOf({ type })).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
  })

  test.each([
    ['300 KB', 300_000],
    ['10 MB', 10_000_000],
  ])('refuses a body of %s', async (_size, bytes) => {
    expect(await codeOf({ body: `{"name": "${'x'.repeat(bytes)}"}` })).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })

  test('refuses a body of 10 MB without Content-Length', async () => {
    const chunk = new Uint8Array(1_000_000).fill(0x20)
    let sent = 0
    const body = new ReadableStream({
      pull: (controller) => (sent++ < 10 ? controller.enqueue(chunk) : controller.close()),
    })
    const response = await fetch(world.url + door.path, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
      body,
      duplex: 'half',
    } as RequestInit)
    expect([response.status, door.codeOf((await response.json()) as never)]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })
})

describe('GraphQL documents', () => {
  const errorOf = async (query: unknown, rest: Record<string, unknown> = {}) => {
    const response = await fetch(`${world.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, ...rest }),
    })
    const { errors } = (await response.json()) as {
      errors: { extensions: { code: string; http: { status: number } } }[]
    }
    return [response.status, errors[0]?.extensions.code, errors[0]?.extensions.http.status]
  }
  const bad = [400, 'BAD_USER_INPUT', 400]
  const room = '{ room(id: "x") { id } }'

  test.each([
    ['missing', undefined],
    ['a number', 7],
    ['empty', ''],
    ['with a syntax error', '{ me { id }'],
    ['with an unknown field', '{ me { id secret } }'],
    ['with an unknown enum value', 'mutation { createRoom(input: { type: PARTY }) { replayed } }'],
    ['with an unknown input field', 'mutation { createRoom(input: { type: GROUP, colour: "red" }) { replayed } }'],
    ['with two anonymous operations', '{ me { id } } { me { id } }'],
    ['a subscription over HTTP', 'subscription { roomUpdated(roomId: "x") { seq } }'],
    ['of more than 1000 tokens', `{ me { ${'id '.repeat(1000)} } }`],
    ['with more than 15 aliases', `{ me { ${Array.from({ length: 16 }, (_, i) => `a${i}: id`).join(' ')} } }`],
    ['with more than 10 directives', `{ me { id ${'@include(if: true) '.repeat(11)} } }`],
    ['that costs too much', '{ rooms(first: 100) { edges { node { events(first: 500) { seq } } } } }'],
    [
      'that hides its cost in a fragment',
      'query { rooms(first: 100) { edges { node { ...E } } } } fragment E on Room { events(first: 500) { seq } }',
    ],
  ])('are refused if %s', async (_case, query) => {
    expect(await errorOf(query)).toEqual(bad)
  })

  test('are refused with invalid variables or an unknown operation name', async () => {
    expect(await errorOf('query ($id: ID!) { room(id: $id) { id } }', { variables: {} })).toEqual(bad)
    expect(await errorOf('query ($id: ID!) { room(id: $id) { id } }', { variables: 'id' })).toEqual(bad)
    expect(await errorOf('query A { me { id } }', { operationName: 'B' })).toEqual(bad)
    expect(await errorOf(room)).toEqual([404, 'NOT_FOUND', 404])
  })

  test('with a mutation are refused over GET and not executed', async () => {
    const query = encodeURIComponent('mutation { createRoom(input: { type: GROUP }) { replayed } }')
    const response = await fetch(`${world.url}/graphql?query=${query}`, {
      headers: { authorization: `Bearer ${world.carol.token}` },
    })
    expect(response.status).toBe(400)
    expect((await world.carol.rest('GET', '/rooms')).body.rooms).toEqual([])
  })

  test('with a query are answered over GET', async () => {
    const response = await fetch(`${world.url}/graphql?query=${encodeURIComponent('{ me { id } }')}`, {
      headers: { authorization: `Bearer ${world.carol.token}` },
    })
    expect([response.status, await response.json()]).toEqual([200, { data: { me: { id: 'carol' } } }])
  })
})

describe('paths', () => {
  test.each(['/', '/nothing', '/im/api/v1/rtc', '//', '/%zz', '/health'])('%s is not found', async (path) => {
    const response = await fetch(world.url + path)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([404, 'NOT_FOUND'])
  })

  test.each(['/rooms/x/y/z', '/rooms/%zz', '/nothing'])('REST %s is not found', async (path) => {
    expect(await world.alice.rest('GET', path)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
  })

  test('health requires no token', async () => {
    for (const path of ['/health/live', '/health/ready']) expect((await fetch(world.url + path)).status).toBe(200)
  })
})
