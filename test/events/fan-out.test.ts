import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { TimeSlices } from '../../src/core/time-slices.ts'
import { type RoomUpdate, snapshotOf } from '../../src/events/event.ts'
import { FanOut } from '../../src/events/fan-out.ts'
import { CreateRoom } from '../../src/rooms/input.ts'
import { openPeer, type Peer, subscribe } from '../peer.ts'
import { type Person, startWorld } from '../world.ts'

/** Generous, for slow machines. */
const POLL_OPTIONS = { timeout: 15_000 }

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

let peers: Peer[] = []
afterEach(async () => {
  for (const { socket } of peers) socket.close()
  peers = []
  await vi.waitUntil(() => world.app.fanOut.size === 0, POLL_OPTIONS)
})
async function open(person: Person): Promise<Peer> {
  const peer = await openPeer(world.url, { token: person.token })
  peers.push(peer)
  return peer
}
const group = async (participantIds: readonly string[] = []): Promise<string> =>
  (await world.alice.rest('POST', '/rooms', { type: 'group', maxParticipants: 1000, participantIds })).body.id
/** A different selection for each index. */
const selection = (roomId: string, index: number) =>
  `subscription { roomUpdated(roomId: "${roomId}") { seq s${index}: type } }`

/** Sends a subscription and returns its first message type, `next`, or the code of its error. */
async function begin(peer: Peer, id: string, query: string): Promise<string> {
  peer.send(subscribe(id, query))
  const { type, payload } = await peer.receive()
  return type === 'error' ? payload[0].extensions.code : type
}

test('a cached message holds its own memory only, not a slab of the pool of buffers', async () => {
  const fanOut = new FanOut(new TimeSlices())
  const { room } = await world.app.rooms.create({ id: 'alice', scopes: new Set() }, CreateRoom.parse({ type: 'group' }))
  const view = { name: 'v', key: 'v', create: () => () => Buffer.from('a message') }
  const member = { roomId: room.id, userId: 'alice', view }
  const subscription = fanOut.join(member)
  const update = snapshotOf(room, room.createdAt)
  await subscription.payloadOf(update)
  const cached = await subscription.payloadOf(update)
  expect([cached.toString(), cached.buffer.byteLength]).toEqual(['a message', cached.length])
  subscription.leave()
})

test('a live message is created once for all subscribers, and once more for all who resume', async () => {
  const fanOut = new FanOut(new TimeSlices())
  const { room } = await world.app.rooms.create({ id: 'alice', scopes: new Set() }, CreateRoom.parse({ type: 'group' }))
  const render = vi.fn<() => Buffer>(() => Buffer.from('a message'))
  const view = { name: 'v', key: 'v', create: () => render }
  const delivered: string[] = []
  const users = ['alice', 'bob', 'carol']
  const subscriptions = users.map((userId) => fanOut.join({ roomId: room.id, userId, view }))
  const update = snapshotOf(room, room.createdAt)
  subscriptions.forEach(({ group }, nth) => {
    const deliver = (payload: Buffer) => delivered.push(`${users[nth]}: ${payload.toString()}`)
    group.push(update, { deliver, fail: () => undefined })
  })
  await vi.waitUntil(() => delivered.length === 3, POLL_OPTIONS)
  expect(delivered).toEqual(['alice: a message', 'bob: a message', 'carol: a message'])
  expect(render).toHaveBeenCalledTimes(1)
  for (const subscription of subscriptions) await subscription.payloadOf(update)
  expect(render).toHaveBeenCalledTimes(2)
  for (const subscription of subscriptions) subscription.leave()
})

describe('different selections of rooms', () => {
  test('differ by the selected fields, not by the operation name or arguments', async () => {
    const rooms = await Promise.all(Array.from({ length: 3 }, () => group()))
    const peer = await open(world.alice)
    for (let index = 0; index < 30; index += 1) {
      const query = `subscription Name${index} { roomUpdated(roomId: "${rooms[index % 3]}", after: 0) { seq } }`
      expect(await begin(peer, String(index), query)).toBe('next')
    }
    // One group for each room.
    expect(world.app.fanOut.size).toBe(3)
  })

  test('are limited to 16 per user; one more is refused, and the open streams continue', async () => {
    const roomId = await group()
    const peer = await open(world.alice)
    for (let index = 0; index < 16; index += 1) {
      expect(await begin(peer, String(index), selection(roomId, index))).toBe('next')
    }
    const other = await open(world.alice)
    other.send(subscribe('17', selection(roomId, 17)))
    expect(await other.receive()).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED', retryAfter: 10, http: { status: 429 } } }],
    })
    // A selection that is already in use does not count.
    expect(await begin(other, 'again', selection(roomId, 3))).toBe('next')
    peer.send({ id: '0', type: 'complete' })
    expect(await begin(other, '18', selection(roomId, 18))).toBe('next')
  })

  test('are limited to 32 per room over all users', async () => {
    const roomId = await group(['bob', 'carol'])
    const [alice, bob, carol] = [await open(world.alice), await open(world.bob), await open(world.carol)]
    for (let index = 0; index < 16; index += 1) {
      expect(await begin(alice, String(index), selection(roomId, index))).toBe('next')
      expect(await begin(bob, String(index), selection(roomId, 100 + index))).toBe('next')
    }
    expect(await begin(carol, '1', selection(roomId, 200))).toBe('RATE_LIMITED')
    expect(await begin(carol, '2', selection(roomId, 100))).toBe('next')
  })
})

test('many events of a large room with expensive selections arrive in order, and other requests are served meanwhile', async () => {
  const roomId = await group(Array.from({ length: 100 }, (_, index) => `guest-${index}`))
  await world.alice.rest('POST', `/rooms/${roomId}/join`)
  const heavy = (index: number) =>
    `subscription { roomUpdated(roomId: "${roomId}") { seq s${index}: type room { participants { userId state } } } }`
  const peer = await open(world.alice)
  const SELECTIONS = 16
  for (let index = 0; index < SELECTIONS; index += 1)
    expect(await begin(peer, String(index), heavy(index))).toBe('next')
  const from: number = (await world.alice.rest('GET', `/rooms/${roomId}`)).body.seq
  const MUTE = 'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }'
  const EVENTS = 15
  const toggle = (index: number) => world.alice.graphql(MUTE, { input: { roomId, audio: index % 2 === 1 } })
  const toggles = Array.from({ length: EVENTS }, (_, index) => toggle(index))
  const received = (async () => {
    const last = new Map<string, number>()
    for (let count = 0; count < EVENTS * SELECTIONS; count += 1) {
      const { id, payload } = await peer.receive()
      expect(payload.data.roomUpdated.seq).toBe((last.get(id) ?? from) + 1)
      last.set(id, payload.data.roomUpdated.seq)
    }
    return 'received'
  })()
  const bystander = async () => {
    for (let answered = 0; ; answered += 1) {
      const next = await Promise.race([received, world.bob.rest('GET', '/rooms')])
      if (next === 'received') return answered
    }
  }
  const answered = await bystander()
  await Promise.all(toggles)
  expect(answered).toBeGreaterThan(0)
}, 60_000)

describe('a view that is slower than the events of its room', () => {
  async function updatesOf(count: number): Promise<RoomUpdate[]> {
    const { room } = await world.app.rooms.create(
      { id: 'alice', scopes: new Set() },
      CreateRoom.parse({ type: 'group' }),
    )
    return Array.from({ length: count }, (_, index) => snapshotOf({ ...room, seq: index + 1 }, room.createdAt))
  }

  test('fails with RATE_LIMITED and is not executed further; the room’s other views are delivered', async () => {
    const updates = await updatesOf(1025)
    const fanOut = new FanOut(new TimeSlices())
    let executed = 0
    const failures: unknown[] = []
    const stuck = {
      name: 'stuck',
      key: 'stuck',
      create: () => () => {
        executed += 1
        return new Promise<Buffer>(() => undefined)
      },
    }
    const cheap = {
      name: 'cheap',
      key: 'cheap',
      create:
        () =>
        ({ seq }: RoomUpdate) =>
          Buffer.from(String(seq)),
    }
    const got: string[] = []
    const slow = fanOut.join({ roomId: 'room', userId: 'alice', view: stuck })
    const live = fanOut.join({ roomId: 'room', userId: 'bob', view: cheap })
    const stuckSubscriber = { deliver: () => undefined, fail: (error: Error) => failures.push(error) }
    const liveSubscriber = {
      deliver: (payload: Buffer) => got.push(payload.toString()),
      fail: () => got.push('failed'),
    }
    for (const update of updates) {
      slow.group.push(update, stuckSubscriber)
      live.group.push(update, liveSubscriber)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(failures).toMatchObject([{ code: 'RATE_LIMITED', retryAfter: 2 }])
    expect(executed).toBe(1)
    expect(got).toEqual(updates.map(({ seq }) => String(seq)))
    slow.leave()
    live.leave()
    expect(fanOut.size).toBe(0)
  })

  test('fails if its message cannot be created', async () => {
    const [update] = await updatesOf(1)
    const fanOut = new FanOut(new TimeSlices())
    const broken = {
      name: 'broken',
      key: 'broken',
      create: () => (): Buffer => {
        throw new Error('broken')
      },
    }
    const failed = new Promise<Error>((resolve) => {
      const { group } = fanOut.join({ roomId: 'room', userId: 'alice', view: broken })
      if (update) group.push(update, { deliver: () => undefined, fail: resolve })
    })
    expect((await failed).message).toBe('broken')
  })
})
