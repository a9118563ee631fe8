import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPeer, type Peer, subscribe } from '../peer.ts'
import { type Person, startWorld } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!, $after: Int) {
  roomUpdated(roomId: $roomId, after: $after) { seq room { metadata } } }`

/** Events of 100 KB after the cursor, together larger than the kernel's buffers. */
const BACKLOG = 200

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  // Hundreds of calls ring in these tests, which may take long on a slow machine.
  world = await startWorld({ env: { RINGING_MAX: '1000', RING_TIMEOUT: '600', EMPTY_TIMEOUT: '600' } })
})
afterAll(() => world.close())

/** A room with large metadata; selected many times, they make updates of about 150 KB. */
async function heavyRoom(): Promise<string> {
  const { body } = await world.alice.rest('POST', '/rooms', {
    type: 'group',
    participantIds: ['bob'],
    metadata: { text: 'x'.repeat(8000) },
  })
  await world.bob.rest('POST', `/rooms/${body.id}/join`)
  return body.id
}

const toggle = (person: Person, roomId: string, audio: boolean) =>
  person.graphql('mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }', {
    input: { roomId, audio },
  })

/** The seq of every message that the peer receives until its socket closes. */
async function seqs(peer: Peer): Promise<number[]> {
  const all: number[] = []
  for (;;) {
    try {
      const message = await peer.receive()
      all.push(message.payload.data.roomUpdated.seq)
    } catch {
      return all
    }
  }
}

test('closes a slow consumer with 1013, without loss for it or other subscribers, and resumes it by its cursor', async () => {
  const roomId = await heavyRoom()
  const aliases = Array.from({ length: 12 }, (_, index) => `m${index}: metadata`).join(' ')
  const HEAVY = `subscription { roomUpdated(roomId: "${roomId}") { seq room { ${aliases} } } }`
  const [stalled, live] = [await openPeer(world.url, world.alice), await openPeer(world.url, world.bob)]
  stalled.send(subscribe('1', HEAVY))
  live.send(subscribe('1', UPDATES, { roomId }))
  const first = (await stalled.receive()).payload.data.roomUpdated.seq
  await live.receive()
  stalled.socket.pause()

  let sent = first
  let isClosed = false
  void stalled.closed.then(() => {
    isClosed = true
  })
  // Fill the kernel's buffers on both sides, then the gateway's queue.
  expect(world.app.hub.subscribers(roomId)).toBe(2)
  while (world.app.hub.subscribers(roomId) === 2) {
    const { body } = await toggle(world.bob, roomId, sent % 2 === 1)
    sent = body.data.updateParticipant.room.seq
    expect((await live.receive()).payload.data.roomUpdated.seq).toBe(sent)
  }
  expect(isClosed).toBe(false)

  const reading = seqs(stalled)
  stalled.socket.resume()
  expect(await stalled.closed).toBe(1013)
  const received = await reading
  expect(received).toEqual(received.map((_, index) => first + 1 + index))

  const resumed = await openPeer(world.url, world.alice)
  const after = received.at(-1) ?? first
  resumed.send(subscribe('1', UPDATES, { roomId, after }))
  for (let seq = after + 1; seq <= sent; seq += 1) {
    expect((await resumed.receive()).payload.data.roomUpdated.seq).toBe(seq)
  }
  for (const peer of [resumed, live]) peer.socket.close()
}, 60_000)

test('a small message that the kernel has not taken stays as it is while others are sent', async () => {
  const { body } = await world.alice.rest('POST', '/rooms', {
    type: 'group',
    participantIds: ['bob'],
    metadata: { text: 'x'.repeat(7000) },
  })
  await world.bob.rest('POST', `/rooms/${body.id}/join`)
  const STREAM = `subscription { roomUpdated(roomId: "${body.id}") { first: seq room { metadata } last: seq } }`
  const [stalled, live] = [await openPeer(world.url, world.alice), await openPeer(world.url, world.bob)]
  const receive = async (peer: Peer, id: string): Promise<number> => {
    const message = await peer.receive()
    const { first, last } = message.payload.data.roomUpdated
    expect([message.id, last]).toEqual([id, first])
    return first
  }
  stalled.send(subscribe('s', STREAM))
  live.send(subscribe('l', STREAM))
  const start = await receive(stalled, 's')
  let sent = await receive(live, 'l')
  stalled.socket.pause()

  // Together, so that some of them take one statement; a toggle that changes nothing makes no event.
  while (world.app.hub.subscribers(body.id) === 2) {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => toggle(world.bob, body.id, index % 2 === 0)),
    )
    const upTo = Math.max(...answers.map((answer) => answer.body.data.updateParticipant.room.seq))
    for (; sent < upTo; sent += 1) expect(await receive(live, 'l')).toBe(sent + 1)
  }
  stalled.socket.resume()
  let received = start
  await expect(async () => {
    for (;;) expect(await receive(stalled, 's')).toBe((received += 1))
  }).rejects.toThrow('closed')
  expect(received).toBeGreaterThan(start + 256)
  live.socket.close()
}, 60_000)

test('ends the stream of a slow consumer in its backfill with RATE_LIMITED and keeps the socket open', async () => {
  const roomId = await heavyRoom()
  for (let seq = 3; seq <= BACKLOG; seq += 1) await toggle(world.bob, roomId, seq % 2 === 0)
  const aliases = Array.from({ length: 12 }, (_, index) => `m${index}: metadata`).join(' ')
  const peer = await openPeer(world.url, { token: world.alice.token })
  peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${roomId}", after: 0) { seq room { ${aliases} } } }`))
  expect((await peer.receive()).payload.data.roomUpdated.seq).toBe(1)
  peer.socket.pause()
  let sent = BACKLOG
  while (world.app.hub.subscribers(roomId) > 0) {
    sent += 1
    await toggle(world.bob, roomId, sent % 2 === 0)
  }
  peer.socket.resume()
  let last = 1
  let message = await peer.receive()
  for (; message.type === 'next'; message = await peer.receive()) {
    expect(message.payload.data.roomUpdated.seq).toBe(last + 1)
    last += 1
  }
  expect(message).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED', retryAfter: 1 } }] })
  expect(last).toBeLessThan(BACKLOG)
  peer.send(subscribe('2', UPDATES, { roomId, after: last }))
  expect((await peer.receive()).payload.data.roomUpdated.seq).toBe(last + 1)
  peer.socket.close()
}, 60_000)

test('closes a peer that sends queries but never reads the results', async () => {
  const roomId = await heavyRoom()
  const aliases = Array.from({ length: 15 }, (_, index) => `m${index}: metadata`).join(' ')
  const peer = await openPeer(world.url, world.bob)
  peer.send(subscribe('stream', UPDATES, { roomId }))
  await peer.receive()
  peer.socket.pause()
  for (let id = 0; id < 500; id += 1) peer.send(subscribe(String(id), `{ room(id: "${roomId}") { ${aliases} } }`))
  await expect.poll(() => world.app.hub.subscribers(roomId), { timeout: 15_000 }).toBe(0)
  // The close frame follows the data in the kernel's buffers.
  peer.socket.resume()
  expect(await peer.closed).toBe(1013)
}, 60_000)

test('ends only the subscription to incoming calls of a slow consumer; a new one starts with the ringing calls', async () => {
  const [dave, erin] = [await world.token('dave'), await world.person('erin')]
  const { body: meeting } = await erin.rest('POST', '/rooms', { type: 'group', participantIds: ['dave'] })
  const aliases = Array.from({ length: 15 }, (_, index) => `m${index}: metadata`).join(' ')
  const peer = await openPeer(world.url, { token: dave })
  peer.send(subscribe('running', UPDATES, { roomId: meeting.id }))
  await peer.receive()
  peer.send(subscribe('calls', `subscription { incomingCall { type room { id ${aliases} } } }`))
  await peer.receive()
  peer.socket.pause()
  let last = ''
  for (let callers = 0; world.app.calls.size > 0; callers += 20) {
    const call = async (index: number): Promise<string> => {
      const caller = await world.person(`caller-${callers + index}`)
      const input = { type: 'p2p', calleeId: 'dave', metadata: { text: 'x'.repeat(8000) } }
      return (await caller.rest('POST', '/rooms', input)).body.id
    }
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => call(index)))
    last = ids.at(-1) ?? ''
  }
  expect(world.app.hub.subscribers(meeting.id)).toBe(1)
  peer.socket.resume()
  let message = await peer.receive()
  while (message.type === 'next') message = await peer.receive()
  expect(message).toMatchObject({ id: 'calls', type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED' } }] })

  peer.send(subscribe('again', 'subscription { incomingCall { type room { id } } }'))
  for (let ringing = ''; ringing !== last;) {
    const { type, room } = (await peer.receive()).payload.data.incomingCall
    expect(type).toBe('RINGING')
    ringing = room.id
  }
  await erin.rest('POST', `/rooms/${meeting.id}/end`)
  for (;;) {
    const { id, payload } = await peer.receive()
    if (id !== 'running') continue
    expect(payload.data.roomUpdated.seq).toBeGreaterThan(1)
    break
  }
  peer.socket.close()
}, 60_000)

test('a slow consumer of signals delays no other subscriber and receives every signal after all', async () => {
  const roomId = await heavyRoom()
  await world.alice.rest('POST', `/rooms/${roomId}/join`)
  const listen = `subscription { signals(roomId: "${roomId}") { seq payload } }`
  const [stalled, live] = [await openPeer(world.url, world.bob), await openPeer(world.url, world.bob)]
  for (const peer of [stalled, live]) peer.send(subscribe('1', listen))
  await expect.poll(() => world.app.signals.size).toBe(1)
  stalled.socket.pause()
  const payload = { text: 'x'.repeat(32_000) }
  const SEND = 'mutation ($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }'
  // The capacity of a mailbox: 8 MB, of which the gateway keeps one page in memory.
  for (let seq = 1; seq <= 256; seq += 1) {
    const input = { roomId, toId: 'bob', type: 'CUSTOM', payload }
    const { body } = await world.alice.graphql(SEND, { input })
    expect(body.data.sendSignal.signal.seq).toBe(seq)
    expect((await live.receive()).payload.data.signals.seq).toBe(seq)
  }
  stalled.socket.resume()
  for (let seq = 1; seq <= 256; seq += 1) expect((await stalled.receive()).payload.data.signals.seq).toBe(seq)
  for (const peer of [stalled, live]) peer.socket.close()
}, 60_000)
