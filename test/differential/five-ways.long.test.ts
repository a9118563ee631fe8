import { afterEach, expect, test } from 'vitest'
import { Cluster } from '../faults/cluster.ts'
import { createRandom } from '../metrics/random.ts'
import { SEED } from '../seed.ts'
import { startEndpoint } from '../webhooks/endpoint-server.ts'
import { WukongimDouble } from '../wukongim/double.ts'
import { RandomCalls } from './calls.ts'
import { compare, failingEndpoint, failingWukongim, fiveWaysEnv } from './five-ways.ts'

const CALLS = 1_000

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** The index of the node that delivers to WukongIM. The node that was started first has the earlier row. */
async function deliveringNode(cluster: Cluster): Promise<number> {
  const { rows } = await cluster.query(
    `SELECT destination."nodeId" = (SELECT "id" FROM "Node" ORDER BY "startedAt" LIMIT 1) AS first
       FROM "DeliveryDestination" destination WHERE destination."id" = 'wukongim'`,
  )
  return (rows[0] as { first: boolean }).first ? 0 : 1
}

test('log, stream, webhooks, WukongIM and history tell 1000 calls alike, with failing receivers and a killed node', async () => {
  const random = createRandom(SEED)
  const unverified: string[] = []
  const endpoint = await startEndpoint(failingEndpoint(random, unverified))
  cleanups.push(() => endpoint.close())
  const failing = failingWukongim(random)
  const wukongim = await WukongimDouble.start({ version: 3, fault: failing })
  cleanups.push(() => wukongim.close())
  for (let lane = 0; lane < 8; lane += 1) wukongim.online.add(`b-${lane}`)
  const cluster = await Cluster.start(fiveWaysEnv(endpoint, wukongim))
  cleanups.push(() => cluster.stop())
  const options = {
    urls: () => cluster.urls,
    token: (userId: string) => cluster.token(userId),
    random,
    lanes: 24,
  }
  const calls = new RandomCalls(options)
  const began = performance.now()
  const running = calls.run(CALLS)

  await calls.untilMade(CALLS * 0.2)
  wukongim.fault = () => ({ kind: 'status', status: 503 })
  await calls.untilMade(CALLS * 0.3)
  wukongim.fault = failing
  const killed = await deliveringNode(cluster)
  await cluster.killNode(killed)
  await calls.untilMade(CALLS * 0.5)
  await cluster.startNode(killed)
  await running
  const called = performance.now()

  const compared = await compare({
    ...options,
    calls,
    query: (sql, values) => cluster.query(sql, values),
    endpoint,
    wukongim,
    unverified,
  })
  expect(compared).toMatchObject({ rooms: CALLS })
  expect(compared['repetitions']).toBeGreaterThan(10)
  const seconds = [called - began, performance.now() - began].map((time) => (time / 1000).toFixed(0))
  process.stdout.write(`\ncalls ${seconds[0]} s, compared after ${seconds[1]} s: ${JSON.stringify(compared)}\n`)
}, 900_000)
