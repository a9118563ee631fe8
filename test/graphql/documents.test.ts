import { specifiedRules } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Documents } from '../../src/graphql/documents.ts'
import { schema } from '../../src/graphql/schema.ts'
import { openPeer, subscribe } from '../peer.ts'
import { startWorld } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const authorization = () => ({ authorization: `Bearer ${world.alice.token}` })

describe('a document over 16 KiB', () => {
  const long = `{ me { id } }${'#\n'.repeat(8 * 1024)}`
  const fitting = `{ me { id } }${'#\n'.repeat(7 * 1024)}`

  test('is refused over POST, even if it consists of comments', async () => {
    expect(await world.alice.graphql(long)).toMatchObject({
      status: 400,
      body: { errors: [{ extensions: { code: 'BAD_USER_INPUT', errors: [{ path: 'query' }] } }] },
    })
    expect(await world.alice.graphql(fitting)).toMatchObject({ status: 200 })
  })

  test('is refused over GET', async () => {
    // Node.js itself limits the length of a URL with its headers to less than this.
    const response = await fetch(`${world.url}/graphql?query=${encodeURIComponent(long).slice(0, 12_000)}`, {
      headers: authorization(),
    })
    expect(response.status).toBeLessThan(500)
  })

  test('is refused on a socket, which stays open', async () => {
    const peer = await openPeer(world.url, { token: world.alice.token })
    peer.send(subscribe('1', long))
    expect(await peer.receive()).toMatchObject({
      id: '1',
      type: 'error',
      payload: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    })
    peer.send(subscribe('2', '{ me { id } }'))
    expect(await peer.receive()).toMatchObject({ id: '2', type: 'next', payload: { data: { me: { id: 'alice' } } } })
    peer.socket.close()
  })
})

test('limits the document cache by size, not by number', () => {
  const documents = new Documents({ schema, rules: specifiedRules })
  const text = (index: number) => `{ me { id } } # ${index}\n${'#\n'.repeat(7 * 1024)}`
  for (let index = 0; index < 40; index += 1) {
    const document = documents.parse(text(index), { isTrusted: false })
    expect(documents.validate(document)).toEqual([])
    expect(documents.parse(text(index), { isTrusted: false })).toBe(document)
    expect(documents.bytes).toBeLessThanOrEqual(16 * 1024 * 1024)
  }
  expect(documents.bytes).toBeGreaterThan(8 * 1024 * 1024)
})

describe('introspection', () => {
  const query = '{ __schema { queryType { name } } }'

  test('is answered within its own limits', async () => {
    expect(await world.alice.graphql(query)).toMatchObject({ status: 200 })
    const nested = `{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }`
    expect(await world.alice.graphql(nested)).toMatchObject({ status: 400 })
  })

  test('is refused in production, except for __typename', async () => {
    const production = await startWorld({ env: { NODE_ENV: 'production' } })
    try {
      const { status, body } = await production.alice.graphql(query)
      expect([status, body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
      expect(await production.alice.graphql('{ __typename }')).toMatchObject({ status: 200 })
    } finally {
      await production.close()
    }
  })

  test('is answered in production with INTROSPECTION=on', async () => {
    const production = await startWorld({ env: { NODE_ENV: 'production', INTROSPECTION: 'on' } })
    try {
      expect(await production.alice.graphql(query)).toMatchObject({ status: 200 })
    } finally {
      await production.close()
    }
  })
})
