import { expect, test } from 'vitest'
import { openPeer, subscribe } from '../peer.ts'
import { withWorld } from '../world.ts'

test('delays messages over the rate in order, without delaying other users', () =>
  withWorld(
    async (world) => {
      const peer = await openPeer(world.url, { token: world.alice.token })
      const PINGS = 60
      const startedAt = performance.now()
      for (let nth = 0; nth < PINGS; nth += 1) peer.send({ type: 'ping', payload: { nth } })
      const bystander = await openPeer(world.url, { token: world.bob.token })
      bystander.send(subscribe('1', '{ me { id } }'))
      expect(await bystander.receive()).toMatchObject({ type: 'next' })
      for (let nth = 0; nth < PINGS; nth += 1) expect(await peer.receive()).toEqual({ type: 'pong', payload: { nth } })
      // Twenty at once, then ten per second.
      expect(performance.now() - startedAt).toBeGreaterThan(2000)
      for (const { socket } of [peer, bystander]) socket.close()
    },
    { env: { RATE_LIMITS: 'on', RATE_MESSAGE: '20/2s' } },
  ))

test('refuses subscriptions over the rate with retryAfter and keeps the socket open', () =>
  withWorld(
    async (world) => {
      const peer = await openPeer(world.url, { token: world.alice.token })
      for (let id = 1; id <= 12; id += 1) peer.send(subscribe(String(id), 'subscription { incomingCall { type } }'))
      const received = [await peer.receive(), await peer.receive(), await peer.receive(), await peer.receive()]
      for (const id of ['11', '12']) {
        // The messages of different operations may alternate.
        const [next, complete] = received.filter((message) => message.id === id)
        expect(next).toMatchObject({ id, type: 'next' })
        expect(next.payload.errors[0].extensions).toMatchObject({
          code: 'RATE_LIMITED',
          retryAfter: expect.any(Number),
        })
        expect(complete).toEqual({ id, type: 'complete' })
      }
      peer.send(subscribe('13', '{ me { id } }'))
      expect(await peer.receive()).toMatchObject({ id: '13', payload: { data: { me: { id: 'alice' } } } })
      peer.socket.close()
    },
    { env: { RATE_LIMITS: 'on', RATE_SUBSCRIBE: '10/60s' } },
  ))

test('answers a mutation over its rate with retryAfter in the extensions and as Retry-After', () =>
  withWorld(
    async (world) => {
      const create = () =>
        fetch(`${world.url}/graphql`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${world.alice.token}` },
          body: JSON.stringify({ query: 'mutation { createRoom(input: { type: GROUP }) { room { id } } }' }),
        })
      expect((await create()).status).toBe(200)
      const refused = await create()
      expect(refused.status).toBe(429)
      const { errors } = (await refused.json()) as { errors: { extensions: { code: string; retryAfter: number } }[] }
      expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) })
      expect(refused.headers.get('Retry-After')).toBe(String(errors[0]?.extensions.retryAfter))
    },
    { env: { RATE_LIMITS: 'on', RATE_CREATE: '1/60s' } },
  ))
