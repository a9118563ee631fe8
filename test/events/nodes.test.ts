import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import pg from 'pg'
import { type Answer, type Messages, startWorld, take } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { seq type participant { userId } } }`
const CALLS = 'subscription { incomingCall { type room { id } } }'

type Node = Awaited<ReturnType<typeof startWorld>>
let [here, there]: Node[] = []
const node = () => here as Node
const other = () => there as Node
beforeEach(async () => {
  here = await startWorld()
  there = await startWorld({ dependencies: { databaseUrl: here.databaseUrl } })
})
afterEach(async () => {
  await there?.close()
  await here?.close()
})

const one = async (messages: Messages): Promise<Answer['body']> => (await take(messages, 1))[0]?.data
const updates = async (messages: Messages, count: number) =>
  (await take(messages, count)).map(({ data }) => data.roomUpdated)

async function group(): Promise<string> {
  const { body } = await node().alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
  return body.id
}

/** Terminates the bus connections of both nodes; returns how many there were. */
async function cutBus(): Promise<number> {
  const client = new pg.Client({ connectionString: node().databaseUrl })
  await client.connect()
  try {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rtc-gateway bus' AND datname = current_database()`,
    )
    return rowCount ?? 0
  } finally {
    await client.end()
  }
}

describe('two nodes on one database', () => {
  test('a stream at one node delivers the events committed at the other, in order', async () => {
    const roomId = await group()
    const stream = other().alice.subscribe(UPDATES, { roomId })
    expect(await updates(stream, 1)).toMatchObject([{ type: 'SNAPSHOT', seq: 1 }])
    for (const [index, person] of [node().alice, other().bob, node().carol].entries()) {
      const answer = await person.rest('POST', `/rooms/${roomId}/join`)
      expect(answer.status, `join ${index}`).toBe(200)
    }
    await node().alice.rest('POST', `/rooms/${roomId}/end`)
    const rest = await updates(stream, 10)
    expect(rest.map(({ seq }) => seq)).toEqual(rest.map((_, index) => index + 2))
    expect(rest.map(({ type }) => type)).toEqual([
      'PARTICIPANT_JOINED',
      'PARTICIPANT_JOINED',
      'ROOM_STARTED',
      'PARTICIPANT_JOINED',
      'ROOM_ENDED',
    ])
  })

  test('a call created at one node starts and stops ringing at the other', async () => {
    const device = other().bob.subscribe(CALLS)
    const first = await node().alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect(await one(device)).toEqual({ incomingCall: { type: 'RINGING', room: { id: first.body.id } } })
    await node().alice.rest('POST', `/rooms/${first.body.id}/end`)
    expect(await one(device)).toEqual({ incomingCall: { type: 'CANCELLED', room: { id: first.body.id } } })
    const second = await node().alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect(await one(device)).toEqual({ incomingCall: { type: 'RINGING', room: { id: second.body.id } } })
    await node().bob.rest('POST', `/rooms/${second.body.id}/join`)
    expect(await one(device)).toEqual({ incomingCall: { type: 'ANSWERED', room: { id: second.body.id } } })
  })

  test("a participant's removal at one node ends their stream at the other within a second", async () => {
    const roomId = await group()
    await node().bob.rest('POST', `/rooms/${roomId}/join`)
    const stream = other().bob.subscribe(UPDATES, { roomId })
    await one(stream)
    const before = Date.now()
    await node().alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)
    expect(await updates(stream, 1)).toMatchObject([{ type: 'PARTICIPANT_REMOVED', participant: { userId: 'bob' } }])
    expect((await stream.next()).done).toBe(true)
    expect(Date.now() - before).toBeLessThan(1000)
  })

  test('events are delivered even if their notices are lost with the bus connection', async () => {
    const roomId = await group()
    const stream = other().alice.subscribe(UPDATES, { roomId })
    const device = other().bob.subscribe(CALLS)
    await one(stream)
    await one(device)
    expect(await cutBus()).toBe(2)
    await node().bob.rest('POST', `/rooms/${roomId}/join`)
    expect(await updates(stream, 1)).toMatchObject([{ seq: 2, type: 'PARTICIPANT_JOINED' }])
    expect(await one(device)).toMatchObject({ incomingCall: { type: 'ANSWERED' } })
  })

  test('an event for which no notice was sent is found in the log', async () => {
    const roomId = await group()
    const stream = node().alice.subscribe(UPDATES, { roomId })
    await one(stream)
    // The state that a node leaves behind if it is killed after the commit and before the notice.
    await node().app.prisma.$executeRaw`
      WITH room AS (UPDATE "Room" SET "seq" = 2 WHERE "id" = ${roomId}::uuid RETURNING "id")
      INSERT INTO "RoomEvent" SELECT "id", 2, 'participant_missed', NULL, 'bob', '{}', now() FROM room`
    expect(await updates(stream, 1)).toMatchObject([{ seq: 2, type: 'PARTICIPANT_MISSED' }])
  })
})

test('a signal sent at one node is delivered at the other, and a removal ends the stream there', async () => {
  const roomId = await group()
  for (const person of [node().bob, node().carol]) await person.rest('POST', `/rooms/${roomId}/join`)
  const stream = other().bob.subscribe('subscription ($roomId: ID!) { signals(roomId: $roomId) { seq fromId } }', {
    roomId,
  })
  for (const seq of [1, 2]) {
    await node().carol.graphql('mutation ($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }', {
      input: { roomId, toId: 'bob', type: 'CUSTOM', payload: { seq } },
    })
    expect(await one(stream)).toEqual({ signals: { seq, fromId: 'carol' } })
  }
  await node().alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)
  expect((await stream.next()).done).toBe(true)
})
