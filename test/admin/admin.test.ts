import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { type Messages, type Person, startWorld, take } from '../world.ts'

const CALLS = 'subscription { incomingCall { type } }'
const SESSIONS = `query ($userId: ID!) { adminUserSessions(userId: $userId) {
  userId connections { nodeId kind openedAt } seats { roomId deviceId connected } leases { roomId deviceId nodeId } missingNodes
} }`
const DISCONNECT = `mutation ($userId: ID!) { disconnectUser(input: { userId: $userId }) {
  userId connections { kind } missingNodes } }`
const END_ALL = 'mutation ($of: ID!) { endAllRooms(input: { of: $of }) { roomIds hasMore } }'
const ROOMS = `query ($filter: AdminRoomFilter, $first: Int, $after: String) {
  adminRooms(filter: $filter, first: $first, after: $after) { edges { cursor node { id status } } pageInfo { hasNextPage endCursor } } }`
const AUDIT = `query ($filter: AuditLogFilter, $first: Int) {
  auditLog(filter: $filter, first: $first) { edges { node { id at actorId action subject roomId } } pageInfo { hasNextPage } } }`
const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId, deviceId: "phone") { type } }`

/** Two nodes on one database. */
let here: Awaited<ReturnType<typeof startWorld>>
let there: Awaited<ReturnType<typeof startWorld>>
let admin: Person

beforeAll(async () => {
  here = await startWorld()
  there = await startWorld({ dependencies: { databaseUrl: here.databaseUrl } })
  admin = await here.person('operator', { scopes: ['rtc:admin'] })
  // Both nodes have written a heartbeat and listen to each other.
  while ((await nodes()).length < 2);
  while ((await sessionsOf('nobody')).missingNodes.length > 0);
})
afterAll(async () => {
  await there.close()
  await here.close()
})

const nodes = async () =>
  (await admin.graphql('{ nodes { id alive sockets eventStreams users rooms eventLoopDelay memory } }')).body.data.nodes
const sessionsOf = async (userId: string) => (await admin.graphql(SESSIONS, { userId })).body.data.adminUserSessions
const auditOf = async (filter: object, first = 20) => {
  const { edges } = (await admin.graphql(AUDIT, { filter, first })).body.data.auditLog
  return edges.map(({ node }: { node: object }) => node)
}
const group = async (person: Person, participantIds: string[] = []): Promise<string> => {
  const { body: room } = await person.rest('POST', '/rooms', { type: 'group', participantIds })
  await person.rest('POST', `/rooms/${room.id}/join`)
  return room.id
}
/** The close event of the stream's socket. */
const closeOf = (messages: Messages): Promise<unknown> =>
  take(messages, Infinity).then(
    () => 'completed',
    (error: unknown) => error,
  )

test("an administrator sees a user's sockets, streams, seats and leases at every node", async () => {
  const [dave, elsewhere] = [await here.person('dave'), await there.person('dave')]
  const { body: room } = await dave.rest('POST', '/rooms', { type: 'group' })
  await dave.rest('POST', `/rooms/${room.id}/join`, { deviceId: 'phone' })
  const messages = elsewhere.subscribe(UPDATES, { roomId: room.id })
  await take(messages, 1)
  const events = await fetch(`${here.url}/im/api/v1/rtc/calls/events`, {
    headers: { authorization: `Bearer ${dave.token}`, accept: 'text/event-stream' },
  })
  const sessions = await sessionsOf('dave')
  const nodeIds = (await nodes()).map(({ id }: { id: string }) => id)
  expect(sessions).toMatchObject({ userId: 'dave', missingNodes: [] })
  expect(sessions.connections.map(({ kind }: { kind: string }) => kind).toSorted()).toEqual([
    'EVENT_STREAM',
    'WEBSOCKET',
  ])
  expect(new Set(sessions.connections.map(({ nodeId }: { nodeId: string }) => nodeId))).toEqual(new Set(nodeIds))
  expect(sessions.seats).toEqual([{ roomId: room.id, deviceId: 'phone', connected: true }])
  expect(sessions.leases).toEqual([
    {
      roomId: room.id,
      deviceId: 'phone',
      nodeId: sessions.connections.find(({ kind }: { kind: string }) => kind === 'WEBSOCKET').nodeId,
    },
  ])
  await events.body?.cancel()
  await messages.return?.()
  await expect.poll(async () => (await sessionsOf('dave')).connections).toEqual([])
})

describe('disconnectUser', () => {
  test('closes every connection of the user at every node, and of nobody else; they may come back', async () => {
    const [erin, elsewhere, frank] = [
      await here.person('erin'),
      await there.person('erin'),
      await there.person('frank'),
    ]
    const sockets = [erin.subscribe(CALLS), elsewhere.subscribe(CALLS)].map(closeOf)
    const bystander = frank.subscribe(CALLS)
    const first = take(bystander, 1)
    const events = await fetch(`${there.url}/im/api/v1/rtc/calls/events`, {
      headers: { authorization: `Bearer ${erin.token}`, accept: 'text/event-stream' },
    })
    await expect.poll(async () => (await sessionsOf('erin')).connections.length).toBe(3)
    const { disconnectUser } = (await admin.graphql(DISCONNECT, { userId: 'erin' })).body.data
    expect(disconnectUser).toMatchObject({ userId: 'erin', missingNodes: [] })
    expect(disconnectUser.connections).toHaveLength(3)
    for (const closed of await Promise.all(sockets)) {
      expect(closed).toMatchObject({ code: 4403, reason: 'Disconnected by an administrator' })
    }
    await events.text()
    await expect.poll(async () => (await sessionsOf('erin')).connections).toEqual([])

    const again = erin.subscribe(CALLS)
    const ringing = take(again, 1)
    await frank.rest('POST', '/rooms', { type: 'p2p', calleeId: 'erin' })
    expect(await ringing).toHaveLength(1)
    await erin.rest('POST', '/rooms', { type: 'p2p', calleeId: 'frank' })
    await again.return?.()
    await bystander.return?.()
    await first
  })

  test('reaches a node that missed the notice', async () => {
    const grace = await there.person('grace')
    const closed = closeOf(grace.subscribe(CALLS))
    await expect.poll(async () => (await sessionsOf('grace')).connections.length).toBe(1)
    const client = new pg.Client({ connectionString: here.databaseUrl })
    await client.connect()
    await client.query(`INSERT INTO "Disconnection" VALUES (gen_random_uuid(), 'grace', now() + interval '1 second')`)
    await client.end()
    expect(await closed).toMatchObject({ code: 4403 })
  })
})

test("endAllRooms ends a user's calls and the groups that they host, and no other group", async () => {
  const [heidi, ivan] = [await here.person('heidi'), await here.person('ivan')]
  const hosted = await group(heidi)
  const visited = await group(ivan, ['heidi'])
  await heidi.rest('POST', `/rooms/${visited}/join`)
  const { body: call } = await ivan.rest('POST', '/rooms', { type: 'p2p', calleeId: 'heidi' })
  const { endAllRooms } = (await admin.graphql(END_ALL, { of: 'heidi' })).body.data
  expect(endAllRooms).toEqual({ roomIds: [hosted, call.id], hasMore: false })
  const statusOf = async (id: string) => (await heidi.rest('GET', `/rooms/${id}`)).body.status
  expect(await Promise.all([hosted, call.id, visited].map(statusOf))).toEqual(['ended', 'ended', 'active'])
  expect((await admin.graphql(END_ALL, { of: 'heidi' })).body.data.endAllRooms.roomIds).toEqual([])
})

test('adminRooms filters by status, type, user and time, and pages', async () => {
  const [judy, mallory] = [await here.person('judy'), await here.person('mallory')]
  const ids = [await group(judy), await group(judy), await group(judy, ['mallory'])].toReversed()
  await judy.rest('POST', `/rooms/${ids[2]}/end`)
  const list = async (filter: object, page: object = {}) =>
    (await admin.graphql(ROOMS, { filter, ...page })).body.data.adminRooms
  const idsOf = ({ edges }: { edges: { node: { id: string } }[] }) => edges.map(({ node }) => node.id)
  expect(idsOf(await list({ userId: 'judy' }))).toEqual(ids)
  expect(idsOf(await list({ userId: 'judy', status: 'ENDED' }))).toEqual([ids[2]])
  expect(idsOf(await list({ userId: 'judy', type: 'P2P' }))).toEqual([])
  expect(idsOf(await list({ since: new Date(Date.now() + 60_000).toISOString() }))).toEqual([])
  const first = await list({ userId: 'judy' }, { first: 2 })
  expect(first.pageInfo).toEqual({ hasNextPage: true, endCursor: ids[1] })
  expect(idsOf(await list({ userId: 'judy' }, { first: 2, after: ids[1] }))).toEqual([ids[2]])
  // A removed user does not see the room; the administrator does.
  await judy.rest('DELETE', `/rooms/${ids[0]}/participants/mallory`)
  expect((await mallory.rest('GET', '/rooms')).body.rooms).toEqual([])
  expect(idsOf(await list({ userId: 'mallory' }))).toEqual([ids[0]])
})

test('what an administrator does to rooms and users of others is in the audit log, by a hash of the user', async () => {
  const niaj = await here.person('niaj')
  const roomId = await group(niaj, ['olivia'])
  await admin.rest('DELETE', `/rooms/${roomId}/participants/olivia`)
  await admin.rest('POST', `/rooms/${roomId}/end`)
  await admin.graphql(DISCONNECT, { userId: 'olivia' })
  await admin.graphql(END_ALL, { of: 'niaj' })
  const [disconnected, removed] = await auditOf({ userId: 'olivia' })
  expect(disconnected).toMatchObject({ actorId: 'operator', action: 'DISCONNECT_USER', roomId: null })
  expect(removed).toMatchObject({ actorId: 'operator', action: 'REMOVE_PARTICIPANT', roomId })
  expect(removed.subject).toMatch(/^[0-9a-f]{64}$/)
  expect(disconnected.subject).toBe(removed.subject)
  expect(await auditOf({ actorId: 'operator' }, 2)).toMatchObject([
    { action: 'END_ALL_ROOMS' },
    { action: 'DISCONNECT_USER' },
  ])
  expect(await auditOf({ action: 'END_ROOM' })).toMatchObject([{ roomId, subject: null }])
  // Users' own actions are not.
  await niaj.rest('POST', `/rooms/${await group(niaj)}/end`)
  expect(await auditOf({ actorId: 'niaj' })).toEqual([])
})

test('nodes report their figures, and the overview counts live rooms', async () => {
  await expect
    .poll(async () => (await nodes()).map(({ sockets }: { sockets: number }) => sockets), { timeout: 10_000 })
    .toEqual([0, 0])
  for (const node of await nodes()) {
    expect(node).toMatchObject({ alive: true, eventStreams: 0, users: 0 })
    expect(node.memory).toBeGreaterThan(10)
    expect(node.eventLoopDelay).toBeGreaterThanOrEqual(0)
  }
  const overview = async () => (await admin.graphql('{ adminOverview { waiting active lag } }')).body.data.adminOverview
  const before = await overview()
  const peggy = await here.person('peggy')
  const roomId = await group(peggy, ['rupert'])
  await expect.poll(overview).toMatchObject({ waiting: before.waiting + 1, active: before.active })
  await (await here.person('rupert')).rest('POST', `/rooms/${roomId}/join`)
  await expect.poll(overview).toMatchObject({ waiting: before.waiting, active: before.active + 1 })
})
