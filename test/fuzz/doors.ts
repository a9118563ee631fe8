import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { buildSchema } from 'graphql'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ERRORS } from '../../src/core/errors.ts'
import { openPeer, subscribe } from '../peer.ts'
import { SEED } from '../seed.ts'
import { startWorld } from '../world.ts'
import { operationOf } from './operation.ts'
import { type OpenApi, restRequestOf } from './rest-request.ts'
import { damaged } from './values.ts'

const schema = buildSchema(await readFile(new URL('../../src/graphql/schema.graphql', import.meta.url), 'utf8'))

/**
 * Requests made out of OpenAPI and of the schema, right and wrong ones, by every door. Whatever comes, the answer is one
 * of the table, nothing is our fault, and nothing that a client causes is logged above info.
 *
 * @param runs - of each door
 */
export function fuzzDoors(runs: number): void {
  const TIMEOUT = 60_000 + runs * 500
  const options = { numRuns: runs, endOnFailure: runs > 1000, seed: SEED }

  const loud: string[] = []
  /** A machine that does too much at once lets statements of the gateway's own time out; no request causes that. */
  const SLOW_DATABASE = /Query read timeout|timeout exceeded when trying to connect|statement timeout/
  let world: Awaited<ReturnType<typeof startWorld>>
  let document: OpenApi
  /** Rooms that there are. */
  const known: string[] = []

  beforeAll(async () => {
    const write = (line: string) => {
      if (!SLOW_DATABASE.test(line)) loud.push(line)
    }
    const log = pino({ level: 'warn' }, { write })
    world = await startWorld({ dependencies: { log } })
    document = (await (await fetch(`${world.url}/im/api/v1/openapi.json`)).json()) as OpenApi
    for (const type of ['p2p', 'group', 'group']) {
      const people = type === 'p2p' ? { calleeId: 'bob' } : { participantIds: ['bob', 'carol'] }
      const { body } = await world.alice.rest('POST', '/rooms', { type, ...people })
      known.push(body.id)
    }
    for (const id of known.slice(0, 2)) {
      for (const person of [world.alice, world.bob]) await person.rest('POST', `/rooms/${id}/join`)
    }
  })
  afterAll(() => world.close())

  /** Of answers: 503 says that the machine is slow, 500 that we are at fault. */
  const statuses = [200, 201, 204, 405, ...Object.values(ERRORS).map(({ status }) => status)].filter(
    (status) => status !== 500,
  )
  const codes = Object.keys(ERRORS).filter((code) => code !== 'INTERNAL')

  /** Every error of an answer is one of the table, and not ours. */
  function expectCoded(errors: readonly { extensions?: { code?: unknown } }[]): void {
    for (const error of errors) expect(codes).toContain(error.extensions?.code)
  }

  /** The body of an answer; a stream is not read to its end. */
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
          const { method, path, body } = restRequestOf(draw, document, known)
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
      expect(loud).toEqual([])
    },
    TIMEOUT,
  )

  test(
    'GraphQL by POST',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (g) => {
          const draw = <T>(arbitrary: fc.Arbitrary<T>) => g(() => arbitrary)
          const request = operationOf(draw, schema, known)
          const query = draw(fc.nat(6)) === 0 ? damaged(draw, request.query) : request.query
          const text = JSON.stringify({ ...request, query })
          const response = await fetch(`${world.url}/graphql`, {
            method: 'POST',
            headers: { authorization: `Bearer ${world.alice.token}`, 'content-type': 'application/json' },
            body: draw(fc.nat(6)) === 0 ? damaged(draw, text) : text,
          })
          const answer = (await bodyOf(response)) as { errors?: [] } | undefined
          expect(statuses).toContain(response.status)
          expectCoded(answer?.errors ?? [])
          if (response.status >= 400) expect(answer?.errors?.length).toBeGreaterThan(0)
        }),
        options,
      )
      expect(loud).toEqual([])
    },
    TIMEOUT,
  )

  /** How a socket may end: by the client's mistake, its limits or overload, never by a fault of ours. */
  const CLOSES = [1009, 1013, 4400, 4401, 4409, 4429]

  test(
    'GraphQL by WebSocket',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (g) => {
          const draw = <T>(arbitrary: fc.Arbitrary<T>) => g(() => arbitrary)
          const peer = await openPeer(world.url, { token: world.alice.token })
          for (let index = draw(fc.nat(3)); index >= 0; index -= 1) {
            const { query, variables } = operationOf(draw, schema, known)
            const text = JSON.stringify(subscribe(String(index), query, variables))
            peer.send(draw(fc.nat(6)) === 0 ? damaged(draw, text) : text)
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
      expect(loud).toEqual([])
    },
    TIMEOUT,
  )

  test('the gateway is as ready as before', async () => {
    expect((await fetch(`${world.url}/health/ready`)).status).toBe(200)
  })
}
