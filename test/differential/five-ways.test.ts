import { afterEach, expect, test } from 'vitest'
import pg from 'pg'
import { createRandom } from '../metrics/random.ts'
import { SEED } from '../seed.ts'
import { startEndpoint } from '../webhooks/endpoint-server.ts'
import { startWorld } from '../world.ts'
import { WukongimDouble } from '../wukongim/double.ts'
import { RandomCalls } from './calls.ts'
import { compare, failingEndpoint, failingWukongim, fiveWaysEnv } from './five-ways.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Adds the end of a part. */
function using<Part extends { close(): Promise<unknown> }>(part: Part): Part {
  cleanups.push(() => part.close())
  return part
}

test('log, stream, webhooks, WukongIM and history tell random calls at two nodes alike, although the receivers fail', async () => {
  const random = createRandom(SEED)
  const unverified: string[] = []
  const endpoint = using(await startEndpoint(failingEndpoint(random, unverified)))
  const wukongim = using(await WukongimDouble.start({ version: 3, fault: failingWukongim(random) }))
  // Their rings have another reach.
  for (const userId of ['b-0', 'b-1', 'c-0']) wukongim.online.add(userId)
  const env = fiveWaysEnv(endpoint, wukongim)
  const here = using(await startWorld({ env }))
  const there = using(await startWorld({ env, dependencies: { databaseUrl: here.databaseUrl } }))
  const client = new pg.Client(here.databaseUrl)
  await client.connect()
  cleanups.push(() => client.end())
  const options = { urls: () => [here.url, there.url], token: here.token, random, lanes: 8 }
  const calls = new RandomCalls(options)
  await calls.run(60)
  const compared = await compare({
    ...options,
    calls,
    query: (sql, values) => client.query(sql, values),
    endpoint,
    wukongim,
    unverified,
  })
  expect(compared).toMatchObject({ rooms: 60 })
  expect(compared['repetitions']).toBeGreaterThan(0)
  expect(endpoint.requests.length).toBeGreaterThan(endpoint.accepted.length)
}, 120_000)
