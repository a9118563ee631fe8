import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Observer } from '../../src/core/observer.ts'
import { type Answer, type Messages, startWorld, take, type World } from '../world.ts'
import { NatsServer, natsTests } from '../nats.ts'

const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { seq type participant { userId } } }`
const CALLS = 'subscription { incomingCall { type room { id } } }'
const SIGNALS = 'subscription ($roomId: ID!) { signals(roomId: $roomId) { seq fromId } }'
const SIGNAL = 'mutation ($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }'
/** Counts what a node learns of the others. */
class Counter {
  notices = 0
  connections = 0
  readonly observer: Observer = {
    noticesReceived: ({ notices }) => void (this.notices += notices),
    busConnected: () => void (this.connections += 1),
  }
}

describe.runIf(natsTests)('two nodes with a bus of NATS', () => {
  let server: NatsServer
  let counters: Counter[]
  let nodes: (World & { close(): Promise<void> })[]
  const here = () => nodes[0] as World
  const there = () => nodes[1] as World

  beforeEach(async () => {
    server = await NatsServer.start()
    counters = [new Counter(), new Counter()]
    nodes = []
    for (const { observer } of counters) {
      const databaseUrl = nodes[0]?.databaseUrl
      const dependencies = { observer, ...(databaseUrl && { databaseUrl }) }
      nodes.push(await startWorld({ env: { BUS_URL: `${server.url}/test` }, dependencies }))
    }
    await connected(1)
  })
  afterEach(async () => {
    for (const node of nodes.toReversed()) await node.close()
    await server.kill()
  })

  /** Waits until every node has connected to the bus that many times. */
  const connected = async (times: number): Promise<void> => {
    await expect.poll(() => counters.every(({ connections }) => connections >= times)).toBe(true)
  }
  const next = async (messages: Messages): Promise<Answer['body']> => (await take(messages, 1))[0]?.data
  /** Does the work, of which the second node must learn by at least one notice. */
  const noticed = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = counters[1]?.notices ?? 0
    const result = await work()
    await expect.poll(() => counters[1]?.notices).toBeGreaterThan(before)
    return result
  }
  const group = async (): Promise<string> => {
    const { body } = await here().alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    return body.id
  }

  test('events, calls and signals of one node arrive at the other by notice', async () => {
    const device = there().bob.subscribe(CALLS)
    const first = await group()
    expect(await next(device)).toEqual({ incomingCall: { type: 'RINGING', room: { id: first } } })
    const roomId = await noticed(async () => {
      const id = await group()
      expect(await next(device)).toEqual({ incomingCall: { type: 'RINGING', room: { id } } })
      return id
    })
    const updates = there().alice.subscribe(UPDATES, { roomId })
    await next(updates)
    await noticed(async () => {
      await here().bob.rest('POST', `/rooms/${roomId}/join`)
      expect(await next(updates)).toMatchObject({ roomUpdated: { seq: 2, type: 'PARTICIPANT_JOINED' } })
      expect(await next(device)).toMatchObject({ incomingCall: { type: 'ANSWERED' } })
    })
    await here().carol.rest('POST', `/rooms/${roomId}/join`)
    const signals = there().bob.subscribe(SIGNALS, { roomId })
    for (const seq of [1, 2]) {
      await here().carol.graphql(SIGNAL, { input: { roomId, toId: 'bob', type: 'CUSTOM', payload: { seq } } })
      expect(await next(signals)).toEqual({ signals: { seq, fromId: 'carol' } })
    }
  })

  test('a node hears only of the rooms and users that it has subscribers for', async () => {
    const [watched, other] = [await group(), await group()]
    const updates = there().alice.subscribe(UPDATES, { roomId: watched })
    await next(updates)
    const before = counters[1]?.notices
    for (const person of [here().bob, here().carol]) await person.rest('POST', `/rooms/${other}/join`)
    await here().bob.rest('POST', `/rooms/${watched}/join`)
    expect(await next(updates)).toMatchObject({ roomUpdated: { seq: 2 } })
    expect(counters[1]?.notices).toBe((before ?? 0) + 1)
  })

  test('while the bus is gone, commands succeed and events arrive; afterwards they arrive by notice again', async () => {
    const roomId = await group()
    const updates = there().alice.subscribe(UPDATES, { roomId })
    await next(updates)
    await server.kill()
    expect((await here().bob.rest('POST', `/rooms/${roomId}/join`)).status).toBe(200)
    expect(await next(updates)).toMatchObject({ roomUpdated: { seq: 2, participant: { userId: 'bob' } } })
    await server.start()
    await connected(2)
    await noticed(async () => {
      await here().carol.rest('POST', `/rooms/${roomId}/join`)
      expect(await next(updates)).toMatchObject({ roomUpdated: { seq: 3, participant: { userId: 'carol' } } })
    })
  })

  test('while the connections to the bus are half-open, commands and new streams do not wait for it', async () => {
    const roomId = await group()
    const updates = there().alice.subscribe(UPDATES, { roomId })
    await next(updates)
    server.freeze()
    try {
      expect((await here().bob.rest('POST', `/rooms/${roomId}/join`)).status).toBe(200)
      expect(await next(updates)).toMatchObject({ roomUpdated: { seq: 2 } })
      const second = await group()
      const stream = there().bob.subscribe(UPDATES, { roomId: second })
      expect(await next(stream)).toMatchObject({ roomUpdated: { seq: 1, type: 'SNAPSHOT' } })
      await here().carol.rest('POST', `/rooms/${second}/join`)
      expect(await next(stream)).toMatchObject({ roomUpdated: { seq: 2, participant: { userId: 'carol' } } })
    } finally {
      server.thaw()
    }
  })
})
