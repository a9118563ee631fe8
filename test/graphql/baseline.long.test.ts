import { expect, test } from 'vitest'
import { openPeer, subscribe } from '../peer.ts'
import { type World, withWorld } from '../world.ts'

const SOCKETS = 15
const ROUNDS = 20
/** The database's pool and the test's own requests hold more at one moment than at another; 300 sockets are more. */
const SLACK = 15

/** What this process, the gateway in it, holds: sockets, timers, listeners of the process. */
function held(): Record<string, number> {
  const counts: Record<string, number> = { listeners: 0 }
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  for (const name of process.eventNames())
    counts['listeners'] = (counts['listeners'] ?? 0) + process.listenerCount(name)
  return counts
}

/** Streams of every kind, on sockets of their own, cut without a word while something happens; some never get to read. */
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

test('hundreds of streams cut leave no socket, timer or listener behind', async () => {
  await withWorld(async (world) => {
    const { alice, bob } = world
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
    // Connections to the database are opened when they are first needed, and kept.
    await cutStreams(world, room.id)
    const before = held()
    for (let round = 0; round < ROUNDS; round += 1) await cutStreams(world, room.id)
    const grown = () => Object.entries(held()).filter(([kind, count]) => count > (before[kind] ?? 0) + SLACK)
    await expect.poll(grown, { timeout: 15_000 }).toEqual([])
  })
}, 60_000)
