import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { openPeer, subscribe } from '../peer.ts'
import { withWorld } from '../world.ts'

test('refuses new requests with 503 and Retry-After while overloaded; open streams and health go on', async () => {
  const overload = { overloaded: false, close() {} }
  await withWorld(
    async ({ url, alice, bob }) => {
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      const peer = await openPeer(url, { token: alice.token })
      peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${room.id}") { type } }`))
      expect((await peer.receive()).payload.data.roomUpdated.type).toBe('SNAPSHOT')

      overload.overloaded = true
      for (const refused of [await bob.rest('GET', '/rooms'), await bob.graphql('{ me { id } }')]) {
        expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
        expect(JSON.stringify(refused.body)).toContain('"code":"UNAVAILABLE"')
      }
      const late = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
      const [error] = (await once(late, 'error')) as [Error]
      expect(error.message).toContain('503')
      peer.send(subscribe('2', `subscription { roomUpdated(roomId: "${room.id}") { type } }`))
      expect(await peer.receive()).toMatchObject({
        id: '2',
        type: 'error',
        payload: [{ extensions: { code: 'UNAVAILABLE', retryAfter: 2, http: { status: 503 } } }],
      })
      for (const path of ['/health/live', '/health/ready']) expect((await fetch(url + path)).status).toBe(200)

      overload.overloaded = false
      await bob.rest('POST', `/rooms/${room.id}/join`)
      expect((await peer.receive()).payload.data.roomUpdated.type).toBe('PARTICIPANT_JOINED')
      peer.socket.close()
    },
    { dependencies: { overload } },
  )
})
