import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SECRET, startWorld, type World } from '../world.ts'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

async function post({ url, alice }: World, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${alice.token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('a request that is not executed', () => {
  const INVALID = {
    'with a syntax error': { query: '{ me { id }' },
    'with an unknown field': { query: '{ me { secret } }' },
    'with a missing variable': { query: 'query ($id: ID!) { room(id: $id) { id } }', variables: {} },
  }
  test.each(Object.entries(INVALID))('%s has the status that its media type requires', async (_case, body) => {
    const statusFor = async (accept: string) => (await post(world, body, { accept })).status
    expect(await statusFor('application/json')).toBe(200)
    expect(await statusFor('application/graphql-response+json')).toBe(400)
    expect(await statusFor('application/graphql-response+json, application/json;q=0.9')).toBe(400)
    expect(await statusFor('*/*')).toBe(400)
  })

  test('has status 401 with an invalid token', async () => {
    const refused = await post(
      world,
      { query: '{ me { id } }' },
      { accept: 'application/json', authorization: 'Bearer x' },
    )
    expect(refused.status).toBe(401)
  })
})

test('ignores unknown parameters and treats an empty operation name as absent', async () => {
  const query = 'query A { me { id } }'
  expect(await post(world, { query, operationName: '', id: 7, hints: [1e300] })).toMatchObject({ status: 200 })
  expect(await post(world, { query, operationName: 'B' })).toMatchObject({ status: 400 })
})

describe('persisted queries', () => {
  test('are answered with PersistedQueryNotSupported, so that the link sends the text', async () => {
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256('{ me { id } }') } }
    expect(await post(world, { extensions })).toMatchObject({
      status: 400,
      body: { errors: [{ message: 'PersistedQueryNotSupported', extensions: { code: 'BAD_USER_INPUT' } }] },
    })
    expect(await post(world, { query: '{ me { id } }', extensions })).toMatchObject({ status: 200 })
  })

  test("work with Apollo's link, which falls back to the text", async () => {
    const http = new HttpLink({
      uri: `${world.url}/graphql`,
      headers: { authorization: `Bearer ${world.alice.token}` },
    })
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new PersistedQueryLink({ sha256 }).concat(http),
    })
    const query = gql`
      query Me {
        me {
          id
        }
      }
    `
    for (let time = 0; time < 2; time += 1) {
      const { data } = await client.query<{ me: { id: string } }>({ query, fetchPolicy: 'network-only' })
      expect(data?.me.id).toBe('alice')
    }
  })
})

describe('trusted documents', () => {
  const ME = 'query Me { me { id } }'
  const LONG = `query Long { me { id } } #${'x'.repeat(20_000)}`
  let directory: string
  let path: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'trusted-'))
    path = join(directory, 'documents.json')
    await writeFile(path, JSON.stringify({ me: ME, long: LONG }))
  })
  afterAll(() => rm(directory, { recursive: true }))

  test('are the only ones allowed in production', async () => {
    const production = await startWorld({ env: { NODE_ENV: 'production', TRUSTED_DOCUMENTS: path } })
    try {
      for (const body of [
        { documentId: 'me' },
        { documentId: 'long' },
        { documentId: sha256(ME) },
        { extensions: { persistedQuery: { version: 1, sha256Hash: sha256(ME) } } },
        { query: ME },
      ]) {
        expect(await post(production, body)).toEqual({ status: 200, body: { data: { me: { id: 'alice' } } } })
      }
      for (const body of [{ query: '{ me { id } }' }, { documentId: 'other' }]) {
        expect(await post(production, body)).toMatchObject({
          status: 403,
          body: { errors: [{ extensions: { code: 'FORBIDDEN' } }] },
        })
      }
    } finally {
      await production.close()
    }
  })

  test('are allowed along with all others in development', async () => {
    const development = await startWorld({ env: { TRUSTED_DOCUMENTS: path } })
    try {
      expect(await post(development, { documentId: 'me' })).toMatchObject({ status: 200 })
      expect(await post(development, { query: '{ me { id } }' })).toMatchObject({ status: 200 })
      expect(await post(development, { documentId: 'other' })).toMatchObject({ status: 400 })
      expect(await post(development, { documentId: 'other', query: '{ me { id } }' })).toMatchObject({ status: 200 })
    } finally {
      await development.close()
    }
  })

  test('an unreadable manifest fails the start with one sentence', async () => {
    await expect(startWorld({ env: { JWT_SECRET: SECRET, TRUSTED_DOCUMENTS: '/nowhere.json' } })).rejects.toThrow(
      'TRUSTED_DOCUMENTS: /nowhere.json cannot be used',
    )
  })
})
