import { afterEach, expect, test } from 'vitest'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { Cluster } from '../faults/cluster.ts'
import { startWorld } from '../world.ts'
import { type EndpointServer, type Reply, seqsOf, startEndpoint } from './endpoint-server.ts'

const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function endpoint(behave: Parameters<typeof startEndpoint>[0]): Promise<EndpointServer> {
  const started = await startEndpoint(behave)
  cleanups.push(() => started.close())
  return started
}

/** Whether the accepted events of a room are 1, 2, 3, …, apart from repetitions. */
function expectInOrder(seqs: readonly number[], count: number): void {
  let last = 0
  for (const seq of seqs) {
    expect(seq).toBeLessThanOrEqual(last + 1)
    last = Math.max(last, seq)
  }
  expect(last).toBe(count)
}

test('with an endpoint that fails at random and two nodes, one of them killed, every event arrives in the order of its room', async () => {
  const failed = new Set<string>()
  // Each event fails at most once, since the delay after a second failure is five minutes.
  const target = await endpoint(({ message: { data } }): Reply => {
    const id = `${data.roomId} ${data.seq}`
    if (failed.has(id) || Math.random() < 0.7) return { status: 204 }
    failed.add(id)
    return { status: [302, 400, 404, 408][Math.floor(Math.random() * 4)] ?? 400 }
  })
  const env = { WEBHOOK_URLS: target.url, WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: 'true' }
  const cluster = await Cluster.start(env)
  cleanups.push(() => cluster.stop())
  const post = async (node: number, userId: string, path: string, body: object = {}) => {
    const response = await fetch(`${cluster.urls[node]}/im/api/v1/rtc${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await cluster.token(userId)}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(response.ok).toBe(true)
    return (await response.json()) as { id: string; seq: number }
  }
  const rooms = new Map<string, number>()
  const meet = async (node: number) => {
    const { id } = await post(node, 'alice', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    for (const userId of ['alice', 'bob', 'carol']) await post(node, userId, `/rooms/${id}/join`)
    const { seq } = await post(node, 'alice', `/rooms/${id}/end`)
    rooms.set(id, seq)
  }
  for (let nth = 0; nth < 20; nth += 1) await meet(nth % 2)
  await target.until(() => target.accepted.length > 20)
  const first = await deliveringNode(cluster)
  await cluster.killNode(first)
  for (let nth = 0; nth < 10; nth += 1) await meet(1 - first)
  const isComplete = () => [...rooms].every(([id, seq]) => new Set(seqsOf(target, id)).size === seq)
  await target.until(isComplete)
  for (const [id, seq] of rooms) expectInOrder(seqsOf(target, id), seq)
  expect(failed.size).toBeGreaterThan(10)
}, 240_000)

/** The index of the node that holds the lease. The node that was started first has the earlier row. */
async function deliveringNode(cluster: Cluster): Promise<number> {
  const { rows } = await cluster.query(
    `SELECT destination."nodeId" = (SELECT "id" FROM "Node" ORDER BY "startedAt" LIMIT 1) AS first
       FROM "DeliveryDestination" destination`,
  )
  return (rows[0] as { first: boolean }).first ? 0 : 1
}

/** Events of each room below: created, joined, joined, started, ended. */
const EVENTS = 5
const ROOMS = 2_000

test('10 000 events reach an endpoint that answers at once, beside one that takes a second for each answer', async () => {
  const slow = await endpoint(() => new Promise((resolve) => setTimeout(resolve, 1_000, { status: 204 })))
  const fast = await endpoint(() => ({ status: 204 }))
  const world = await startWorld({ env: { WEBHOOK_ALLOW_PRIVATE: 'true' } })
  cleanups.push(() => world.close())
  const admin = await world.person('application', { scopes: ['rtc:admin'] })
  const types = ['room.created', 'participant.joined', 'room.started', 'room.ended']
  for (const url of [slow.url, fast.url]) {
    const { body } = await admin.graphql(
      `mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { endpoint { id } } }`,
      { input: { url, types } },
    )
    expect(body.errors).toBeUndefined()
  }
  const { rooms } = world.app
  const actor = (id: string) => ({ id, scopes: new Set<string>() })
  const began = performance.now()
  const ids: string[] = []
  const meet = async (nth: number) => {
    const { room } = await rooms.create(
      actor(`caller-${nth}`),
      CreateRoom.parse({ type: 'p2p', calleeId: `callee-${nth}` }),
    )
    for (const id of [`caller-${nth}`, `callee-${nth}`]) await rooms.join(actor(id), room.id, JoinRoom.parse({}))
    await rooms.end(actor(`caller-${nth}`), room.id)
    ids.push(room.id)
  }
  for (let nth = 0; nth < ROOMS; nth += 20) await Promise.all(Array.from({ length: 20 }, (_, at) => meet(nth + at)))
  const commanded = performance.now()
  await fast.until(() => fast.accepted.length >= ROOMS * EVENTS)
  const fastDone = performance.now()
  const slowMeanwhile = slow.accepted.length
  await slow.until(() => slow.accepted.length >= ROOMS * EVENTS)
  const slowDone = performance.now()
  for (const target of [fast, slow]) {
    expect(target.accepted).toHaveLength(ROOMS * EVENTS)
    for (const id of ids) expectInOrder(seqsOf(target, id), EVENTS)
  }
  expect(slowMeanwhile).toBeLessThan((ROOMS * EVENTS) / 2)
  const seconds = [commanded, fastDone, slowDone].map((time) => ((time - began) / 1000).toFixed(1))
  process.stdout.write(`\ncommands ${seconds[0]} s, fast endpoint ${seconds[1]} s, slow endpoint ${seconds[2]} s\n`)
}, 600_000)
