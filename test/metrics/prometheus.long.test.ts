import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { mintToken } from '../../src/auth/development.ts'
import { createTestDatabase, type TestDatabase } from '../database.ts'
import { type Gateway, startGateway } from '../process.ts'
import { type EndpointServer, startEndpoint } from '../webhooks/endpoint-server.ts'
import { createPerson, SECRET, take } from '../world.ts'
import { dashboardPanels, filledIn, type Prometheus, prometheusTests, startPrometheus } from './prometheus.ts'
import { METRICS_TOKEN, succeeded } from './scrape.ts'

/** Panels without data in a healthy deployment, and without a media service. */
const EMPTY = [
  'Ended streams with an error',
  'Reports of media services',
  'Room control of media services',
  'Pushes to browsers and apps',
]
/** The range of rates; Prometheus scrapes every second. */
const RANGE = '30s'
const TIMEOUT = { timeout: 20_000, interval: 200 }

interface Vector {
  readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: [number, string] }[]
}

describe.runIf(prometheusTests)('a real Prometheus that scrapes a gateway', () => {
  let database: TestDatabase
  let endpoint: EndpointServer
  let gateway: Gateway
  let prometheus: Prometheus
  const query = (expression: string) => prometheus.api<Vector>('query', { query: expression })

  beforeAll(async () => {
    database = await createTestDatabase()
    endpoint = await startEndpoint()
    gateway = await startGateway({
      JWT_SECRET: SECRET,
      DATABASE_URL: database.url,
      HOST: '127.0.0.1',
      METRICS_TOKEN,
      RATE_LIMITS: 'off',
      WEBHOOK_URLS: endpoint.url,
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      WEBHOOK_ALLOW_PRIVATE: 'true',
    })
    prometheus = await startPrometheus([new URL(gateway.url).host], { port: await freePort(), token: METRICS_TOKEN })
    await vi.waitFor(async () => assert.equal((await query('up')).result[0]?.value[1], '1'), TIMEOUT)
    await story()
    // The first scrape after the story, and one more for the rates.
    const after = Date.now() / 1000
    await scrapedAfter(after + 1)
  })
  afterAll(async () => {
    await prometheus?.close()
    await gateway?.stop('SIGTERM')
    await database?.drop()
    await endpoint?.close()
  })

  const scrapedAfter = (seconds: number) =>
    vi.waitUntil(async () => {
      const { result } = await query('timestamp(rtc_build_info)')
      return Number(result[0]?.value[1]) > seconds
    }, TIMEOUT)

  /** Something of everything that the dashboard shows. */
  async function story(): Promise<void> {
    const person = async (id: string) =>
      createPerson(gateway.url, id, await mintToken({ secret: SECRET, userId: id, ttl: 3600, now: new Date() }))
    const [alice, bob, carol] = [await person('alice'), await person('bob'), await person('carol')]
    for (let n = 0; n < 3; n += 1) {
      const { id } = succeeded(await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
      const updates = 'subscription ($id: ID!, $after: Int) { roomUpdated(roomId: $id, after: $after) { seq } }'
      const stream = alice.subscribe(updates, { id })
      await take(stream, 1)
      for (const member of [alice, bob]) succeeded(await member.rest('POST', `/rooms/${id}/join`))
      await take(stream, 3)
      await stream.return?.()
      await take(alice.subscribe(updates, { id, after: 1 }), 3)
      expect((await carol.rest('POST', `/rooms/${id}/join`)).status).toBe(403)
      expect((await carol.graphql('{ nonsense }')).body.errors).toHaveLength(1)
      succeeded(await carol.graphql('{ rooms { edges { node { id } } } }'))
      expect((await fetch(`${gateway.url}/graphql`, { method: 'POST' })).status).toBe(401)
      succeeded(await bob.rest('POST', `/rooms/${id}/leave`))
      // Between two scrapes, so that counters which had no series before grow within the range of the rates.
      await scrapedAfter(Date.now() / 1000)
    }
  }

  test('answers every query of the dashboard with data', async () => {
    const empty: string[] = []
    for (const { title, queries } of await dashboardPanels()) {
      for (const expression of queries) {
        const { result } = await query(filledIn(expression, RANGE))
        if (result.length === 0) empty.push(title)
      }
    }
    expect(empty).toEqual(EMPTY)
  })

  test('has the calls of the story', async () => {
    const value = async (expression: string) => Number((await query(expression)).result[0]?.value[1])
    expect(await value('sum(rtc_rooms_ended_total{type="p2p",reason="completed"})')).toBe(3)
    expect(await value('rtc_time_to_answer_seconds_count')).toBe(3)
    expect(await value('sum(rate(rtc_rooms_ended_total[1m])) > bool 0')).toBe(1)
  })

  test('evaluates every alert without an error, and none fires', async () => {
    interface Rules {
      readonly groups: readonly {
        readonly rules: readonly { readonly name: string; readonly health: string; readonly state: string }[]
      }[]
    }
    const rules = async () => (await prometheus.api<Rules>('rules')).groups.flatMap((group) => group.rules)
    await vi.waitFor(
      async () => expect(new Set((await rules()).map(({ health }) => health))).toEqual(new Set(['ok'])),
      TIMEOUT,
    )
    expect((await rules()).filter(({ state }) => state === 'firing')).toEqual([])
    expect((await rules()).length).toBeGreaterThan(15)
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
