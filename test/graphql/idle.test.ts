import { expect, test } from 'vitest'
import { openPeer, subscribe } from '../peer.ts'
import { withWorld } from '../world.ts'

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

test('idle subscribers share their timers, however many they are', () =>
  withWorld(async ({ url, app, alice, bob }) => {
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    const listen = async (token: string) => {
      const peer = await openPeer(url, { token })
      peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${room.id}") { seq } }`))
      expect(await peer.receive()).toMatchObject({ type: 'next' })
      return peer
    }
    const first = await listen(alice.token)
    const before = timers()
    const others = await Promise.all(Array.from({ length: 18 }, () => listen(bob.token)))
    expect(app.hub.subscribers(room.id)).toBe(19)
    // Connections of the client and of the database may have timers that end by themselves.
    await expect.poll(() => timers() - before, { timeout: 15_000 }).toBeLessThan(others.length / 2)
    for (const { socket } of [first, ...others]) socket.close()
    await expect.poll(() => app.hub.subscribers(room.id)).toBe(0)
  }))
