import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { buildSchema } from 'graphql'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ERRORS } from '../../src/core/errors.ts'
import { openPeer, subscribe } from '../peer.ts'
import { SEED } from '../seed.ts'
import { VAPID_ENV } from '../push/browser.ts'
import { startWorld } from '../world.ts'
import { operationOf } from './operation.ts'
import { type OpenApi, restRequestOf } from './rest-request.ts'
import { corrupt } from './values.ts'

const schema = buildSchema(await readFile(new URL('../../src/graphql/schema.graphql', import.meta.url), 'utf8'))

/**
 * Sends valid and invalid requests, generated from OpenAPI and from the GraphQL schema, over REST, POST and WebSocket.
 * Every response has a code of the error table except INTERNAL, and nothing is logged above `info`.
 *
 * @param runs - for each transport
 */
export function fuzzApi(runs: number): void {
  const TIMEOUT = 60_000 + runs * 500
  const options = { numRuns: runs, endOnFailure: runs > 1000, seed: SEED }

  const warnings: string[] = []
  /** On an overloaded machine, the gateway's own statements time out. No request causes that. */
  const SLOW_DATABASE = /Query read timeout|timeout exceeded when trying to connect|statement timeout/
  let world: Awaited<ReturnType<typeof startWorld>>
  let document: OpenApi
  /** Existing rooms. */
  const roomIds: string[] = []

  beforeAll(async () => {
    const write = (line: string) => {
      if (!SLOW_DATABASE.test(line)) warnings.push(line)
    }
    const log = pino({ level: 'warn' }, { write })
    const env = { ...VAPID_ENV, PUSH_HOSTS: '*', PUSH_GATEWAY_URL: 'http://127.0.0.1:9' }
    world = await startWorld({ env, dependencies: { log } })
    document = (await (await fetch(`${world.url}/im/api/v1/openapi.json`)).json()) as OpenApi
    for (const type of ['p2p', 'group', 'group']) {
      const people = type === 'p2p' ? { calleeId: 'bob' } : { participantIds: ['bob', 'carol'] }
      const { body } = await world.alice.rest('POST', '/rooms', { type, ...people })
      roomIds.push(body.id)
    }
    for (const id of roomIds.slice(0, 2)) {
      for (const person of [world.alice, world.bob]) await person.rest('POST', `/rooms/${id}/join`)
    }
  })
  afterAll(() => world.close())

  /** Allowed statuses. 503 means an overloaded machine; 500 would be a bug. */
  const statuses = [200, 201, 204, 405, ...Object.values(ERRORS).map(({ status }) => status)].filter(
    (status) => status !== 500,
  )
  const codes = Object.keys(ERRORS).filter((code) => code !== 'INTERNAL')

  /** Every error has a code of the table except INTERNAL. */
  function expectCoded(errors: readonly { extensions?: { code?: unknown } }[]): void {
    for (const error of errors) expect(codes).toContain(error.extensions?.code)
  }

  /** The body of a response; a stream is cancelled. */
  async function bodyOf(response: Response): Promise<unknown> {
    if (response.headers.get('content-type')?.includes('text/event-stream')) {
      await response.body?.cancel()
      return undefined
    }
    const text = await response.text()
    expect(text).not.toMatch(/ at .*\.[jt]s:\d+/)
    return text === '' ? undefined : JSON.parse(text)
  }

  test(
    'REST',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (g) => {
          const draw = <T>(arbitrary: fc.Arbitrary<T>) => g(() => arbitrary)
          const { method, path, body } = restRequestOf(draw, document, roomIds)
          const response = await fetch(world.url + path, {
            method,
            headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
            ...(body !== undefined && method !== 'GET' && { body }),
          })
          const answer = (await bodyOf(response)) as { code?: string } | undefined
          expect(statuses).toContain(response.status)
          if (response.status >= 400) expect(codes).toContain(answer?.code)
        }),
        options,
      )
      expect(warnings).toEqual([])
    },
    TIMEOUT,
  )

  test(
    'GraphQL by POST',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (g) => {
          const draw = <T>(arbitrary: fc.Arbitrary<T>) => g(() => arbitrary)
          const request = operationOf(draw, schema, roomIds)
          const query = draw(fc.nat(6)) === 0 ? corrupt(draw, request.query) : request.query
          const text = JSON.stringify({ ...request, query })
          const response = await fetch(`${world.url}/graphql`, {
            method: 'POST',
            headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
            body: draw(fc.nat(6)) === 0 ? corrupt(draw, text) : text,
          })
          const answer = (await bodyOf(response)) as { errors?: [] } | undefined
          expect(statuses).toContain(response.status)
          expectCoded(answer?.errors ?? [])
          if (response.status >= 400) expect(answer?.errors?.length).toBeGreaterThan(0)
        }),
        options,
      )
      expect(warnings).toEqual([])
    },
    TIMEOUT,
  )

  /** Allowed close codes: for client errors, limits and overload. */
  const CLOSES = [1009, 1013, 4400, 4401, 4409, 4429]

  test(
    'GraphQL by WebSocket',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (g) => {
          const draw = <T>(arbitrary: fc.Arbitrary<T>) => g(() => arbitrary)
          const peer = await openPeer(world.url, { token: world.alice.token })
          for (let index = draw(fc.nat(3)); index >= 0; index -= 1) {
            const { query, variables } = operationOf(draw, schema, roomIds)
            const text = JSON.stringify(subscribe(String(index), query, variables))
            peer.send(draw(fc.nat(6)) === 0 ? corrupt(draw, text) : text)
          }
          peer.send(subscribe('last', '{ me { id } }'))
          try {
            for (let over = false; !over;) {
              const { id, type, payload } = await peer.receive()
              if (type === 'error') expectCoded(payload)
              if (type === 'next') expectCoded(payload.errors ?? [])
              over = id === 'last' && type !== 'next'
            }
            peer.socket.close()
          } catch (error) {
            if (peer.socket.readyState === peer.socket.OPEN) throw error
            expect(CLOSES).toContain(await peer.closed)
          }
        }),
        options,
      )
      expect(warnings).toEqual([])
    },
    TIMEOUT,
  )

  test('the gateway is still ready', async () => {
    expect((await fetch(`${world.url}/health/ready`)).status).toBe(200)
  })
}
