import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSource } from '../event-source.ts'
import { Cluster } from '../faults/cluster.ts'
import { createPerson, type Person } from '../world.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.start()
}, 60_000)
afterAll(() => cluster?.stop(), 60_000)

const personAt = async (node: number, id: string): Promise<Person> =>
  createPerson(cluster.node(node).url, id, await cluster.token(id))

/** Reach of a call to bob, which is ended at once. */
async function reachOfBob(): Promise<string> {
  const alice = await personAt(0, 'alice')
  const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  await alice.rest('POST', `/rooms/${body.id}/end`)
  return body.reach
}
const rows = async (): Promise<number> => (await cluster.query('SELECT FROM "ConnectedUser"')).rowCount ?? 0
const connectBob = async (node: number) => {
  const { token } = await personAt(node, 'bob')
  const source = await openSource(`${cluster.node(node).url}/im/api/v1/rtc/calls/events`, { token })
  await expect.poll(rows).toBe(1)
  return source
}

test('a device counts as connected until 15 s after its node was killed', { timeout: 60_000 }, async () => {
  await connectBob(1)
  expect(await reachOfBob()).toBe('connected')
  const killedAt = Date.now()
  await cluster.killNode(1)
  await expect.poll(reachOfBob, { timeout: 20_000, interval: 250 }).toBe('none')
  expect(Date.now() - killedAt).toBeLessThan(15_000)
  await expect.poll(rows, { timeout: 10_000 }).toBe(0)
})

test('a device of a node that stops in order does not count', { timeout: 60_000 }, async () => {
  await cluster.startNode(1)
  const source = await connectBob(1)
  expect(await reachOfBob()).toBe('connected')
  await cluster.node(1).stop('SIGTERM')
  expect(await rows()).toBe(0)
  expect(await reachOfBob()).toBe('none')
  source.close()
})

test('devices count again after an outage of the database', { timeout: 60_000 }, async () => {
  await cluster.startNode(1)
  const source = await connectBob(1)
  await cluster.killDatabase()
  await cluster.startDatabase()
  // As if the other node had considered this one dead.
  await cluster.query('DELETE FROM "ConnectedUser"')
  await cluster.query(`UPDATE "Node" SET "seenAt" = "seenAt" - interval '1 minute'`)
  await expect.poll(() => reachOfBob().catch(String), { timeout: 20_000, interval: 250 }).toBe('connected')
  expect(await rows()).toBe(1)
  source.close()
})
