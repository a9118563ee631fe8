import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { TIMEOUTS } from '../../src/core/timeouts.ts'
import { OPERATOR, withWorld } from '../world.ts'

test('detects a half-open connection by ping and marks its participant as disconnected', async () => {
  expect(TIMEOUTS.socketPing + TIMEOUTS.socketPong).toBe(35_000)
  await withWorld(
    async ({ url, alice, bob, app }) => {
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
      // The client never answers pings, as if all its packets were dropped.
      const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { autoPong: false })
      const closed = once(socket, 'close')
      await once(socket, 'open')
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${alice.token}` } }))
      await once(socket, 'message')
      const query = `subscription { roomUpdated(roomId: "${room.id}") { seq } }`
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
      await once(socket, 'message')
      expect((await closed)[0]).toBe(1006)
      await expect.poll(async () => (await app.rooms.get(OPERATOR, room.id)).participants.at(0)?.connected).toBe(false)
    },
    { dependencies: { timeouts: { socketPing: 300, socketPong: 300 } } },
  )
})
