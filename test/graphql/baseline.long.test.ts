import { expect, test } from 'vitest'
import { openPeer, subscribe } from '../peer.ts'
import { type World, withWorld } from '../world.ts'

const SOCKETS = 15
const ROUNDS = 20
/** Fluctuation by the database pool and the test's own requests; leaks from 300 sockets would exceed it. */
const SLACK = 15

/** Resources held by this process, which includes the gateway: sockets, timers, process listeners. */
function activeResources(): Record<string, number> {
  const counts: Record<string, number> = { listeners: 0 }
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  for (const name of process.eventNames())
    counts['listeners'] = (counts['listeners'] ?? 0) + process.listenerCount(name)
  return counts
}

/** Opens streams of every kind and terminates their sockets during an event; some terminate before the first message. */
async function cutStreams({ url, app, alice, bob }: World, roomId: string): Promise<void> {
  const peers = await Promise.all(Array.from({ length: SOCKETS }, () => openPeer(url, { token: bob.token })))
  for (const [index, peer] of peers.entries()) {
    peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${roomId}") { seq } }`))
    peer.send(subscribe('2', `subscription { roomUpdated(roomId: "${roomId}", after: 1) { seq room { me { id } } } }`))
    peer.send(subscribe('3', `subscription { signals(roomId: "${roomId}") { seq } }`))
    peer.send(subscribe('4', 'subscription { incomingCall { type } }'))
    if (index % 3) await peer.receive()
  }
  await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  for (const peer of peers) peer.socket.terminate()
  await Promise.all(peers.map(({ closed }) => closed))
  await expect.poll(() => [app.hub.size, app.signals.size, app.calls.size]).toEqual([0, 0, 0])
}

test('leaks no socket, timer or listener after hundreds of terminated streams', async () => {
  await withWorld(async (world) => {
    const { alice, bob } = world
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
    // The first round opens the pooled database connections.
    await cutStreams(world, room.id)
    const before = activeResources()
    for (let round = 0; round < ROUNDS; round += 1) await cutStreams(world, room.id)
    const grown = () => Object.entries(activeResources()).filter(([kind, count]) => count > (before[kind] ?? 0) + SLACK)
    await expect.poll(grown, { timeout: 15_000 }).toEqual([])
  })
}, 60_000)
