import { describe, expect, test } from 'vitest'
import { MEDIA_SERVICES, type MediaService } from '../../src/media/providers.ts'
import type { Call } from '../media/control/services.ts'
import { watch } from '../presence/people.ts'
import { withWorld } from '../world.ts'
import { serviceEnv, type ServiceWorld, withService } from './services.ts'

const settled = { timeout: 15_000 }
/** Services that can keep a removed user out, for the lifetime of tokens and a minute more. */
const BANS: Partial<Record<MediaService, number>> = { volcengine: 3660, agora: 3660 }
const banOf = (service: MediaService) => (service === 'livekit' ? true : BANS[service])

/** The calls that change something, of one room. */
const changes = ({ double }: ServiceWorld, roomId: string): readonly Call[] =>
  double.calls.filter((call) => call.action !== 'look' && (call.roomId === roomId || call.action === 'lift'))

describe.each(MEDIA_SERVICES)('%s', (service) => {
  test('a removed participant loses the media and cannot return; a new invitation lifts the ban', async () => {
    await withService(service, async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      const mediaId = await world.mediaIdOf(roomId, bob)
      double.enter(roomId, mediaId)
      await alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)
      await expect.poll(() => double.isPresent(roomId, mediaId), settled).toBe(false)
      const ban = banOf(service)
      const removal = { action: 'remove', roomId, mediaId, ...(ban !== undefined && { ban }) }
      expect(changes(world, roomId)).toEqual([removal])
      const bans = () => world.app.prisma.mediaBan.count()
      await expect.poll(bans, settled).toBe(service in BANS ? 1 : 0)
      await alice.rest('POST', `/rooms/${roomId}/participants`, { userId: 'bob' })
      await expect.poll(bans, settled).toBe(0)
      expect(changes(world, roomId).slice(1)).toMatchObject(service in BANS ? [{ action: 'lift' }] : [])
    })
  })

  test('everybody loses the media of a room that ends', async () => {
    await withService(service, async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      const other = await world.group(alice, bob)
      for (const id of [roomId, other]) double.enter(id, await world.mediaIdOf(id, bob))
      await alice.rest('POST', `/rooms/${roomId}/end`)
      const bobs = await world.mediaIdOf(roomId, bob)
      await expect.poll(() => double.isPresent(roomId, bobs), settled).toBe(false)
      expect(changes(world, roomId)).toMatchObject([{ action: 'end', roomId }])
      expect(double.isPresent(other, bobs)).toBe(true)
    })
  })

  test('a participant whose grace is over loses the media and may return', async () => {
    await withService(
      service,
      async (world) => {
        const { alice, bob, double } = world
        const roomId = await world.group(alice, bob)
        const mediaId = await world.mediaIdOf(roomId, bob)
        double.enter(roomId, mediaId)
        const stream = watch(world, bob, roomId)
        await stream.until('SNAPSHOT')
        stream.cut()
        await expect.poll(() => double.isPresent(roomId, mediaId), settled).toBe(false)
        expect(changes(world, roomId).map(({ ban }) => ban)).toEqual([
          service in BANS ? 0 : service === 'livekit' ? false : undefined,
        ])
      },
      { env: { DISCONNECT_GRACE: '1' } },
    )
  })

  test('a failure of the service fails no command, and the removal is repeated', async () => {
    await withService(service, async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      const mediaId = await world.mediaIdOf(roomId, bob)
      double.enter(roomId, mediaId)
      double.failures = [500, 503]
      const { status } = await alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)
      expect(status).toBe(200)
      await expect.poll(() => double.isPresent(roomId, mediaId), settled).toBe(false)
      expect(double.requests).toBe(3)
    })
  })
})

describe('a replaced device', () => {
  test('loses the media if it entered before the new device joined', async () => {
    await withService('livekit', async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      double.enter(roomId, 'bob', new Date(Date.now() - 60_000))
      await bob.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'phone' })
      await expect.poll(() => double.isPresent(roomId, 'bob'), settled).toBe(false)
    })
  })

  test('is not confused with the new device, which has entered', async () => {
    await withService('livekit', async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      double.enter(roomId, 'bob', new Date(Date.now() + 1000))
      await bob.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'phone' })
      await expect.poll(() => double.calls.map(({ action }) => action), settled).toEqual(['look'])
      await alice.rest('DELETE', `/rooms/${roomId}/participants/carol`)
      // The events of a room are delivered in order.
      await expect.poll(() => changes(world, roomId), settled).toMatchObject([{ action: 'remove', mediaId: 'carol' }])
      expect(double.isPresent(roomId, 'bob')).toBe(true)
    })
  })

  test('is known from webhooks where the service cannot be asked', async () => {
    await withService('tencent', async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      double.enter(roomId, 'bob')
      await world.report({ kind: 'joined', roomId, mediaId: 'bob', at: new Date(Date.now() - 60_000) })
      await bob.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'phone' })
      await expect.poll(() => double.isPresent(roomId, 'bob'), settled).toBe(false)
    })
  })
})

test('a participant who leaves the room and stays at the media is removed', async () => {
  await withService('tencent', async (world) => {
    const { alice, bob, double } = world
    const roomId = await world.group(alice, bob)
    double.enter(roomId, 'bob')
    await world.report({ kind: 'joined', roomId, mediaId: 'bob', at: new Date() })
    const { mediaStay } = world.app.prisma
    await expect.poll(() => mediaStay.count({ where: { dueAt: null } }), settled).toBe(1)
    await bob.rest('POST', `/rooms/${roomId}/leave`)
    // The client gets a moment to leave by itself.
    await expect.poll(() => mediaStay.count({ where: { dueAt: { gt: new Date() } } }), settled).toBe(1)
    expect(double.isPresent(roomId, 'bob')).toBe(true)
    await mediaStay.updateMany({ data: { dueAt: new Date(Date.now() - 1) } })
    await expect.poll(() => double.isPresent(roomId, 'bob'), settled).toBe(false)
  })
})

test('a room of another provider is none of the business of the service', async () => {
  await withService('livekit', async (world) => {
    const { alice, double } = world
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', provider: 'webrtc' })
    await alice.rest('POST', `/rooms/${room.id}/end`)
    const roomId = await world.group(alice)
    await alice.rest('POST', `/rooms/${roomId}/end`)
    await expect.poll(() => double.calls, settled).toMatchObject([{ action: 'end', roomId }])
  })
})

test('a removal that the service refuses for good does not hold up what follows', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob, double } = world
    const roomId = await world.group(alice, bob)
    double.failures = [400]
    await alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)
    await expect.poll(() => double.requests, settled).toBe(1)
    await alice.rest('POST', `/rooms/${roomId}/end`)
    await expect.poll(() => double.calls, settled).toMatchObject([{ action: 'end', roomId }])
    expect(double.requests).toBe(2)
  })
})

test('while room control is not configured nothing is called; afterwards only what still matters', async () => {
  await withService('livekit', async (world) => {
    const { alice, double, databaseUrl } = world
    const [before, old, recent] = [await world.group(alice), await world.group(alice), await world.group(alice)]
    await alice.rest('POST', `/rooms/${before}/end`)
    await expect.poll(() => double.calls, settled).toMatchObject([{ action: 'end', roomId: before }])
    // As if the gateway was started without it.
    await world.app.deliveries.stop()
    for (const roomId of [old, recent]) await alice.rest('POST', `/rooms/${roomId}/end`)
    const threeDaysAgo = new Date(Date.now() - 3 * 86_400_000)
    await world.app.prisma.roomEvent.updateMany({ where: { roomId: old }, data: { at: threeDaysAgo } })
    await withWorld(
      async () => {
        // Events are delivered at least once.
        const ended = () => [...new Set(double.calls.map(({ roomId }) => roomId))]
        await expect.poll(ended, settled).toEqual([before, recent])
        const busy = () => world.app.prisma.deliveryBacklog.count()
        await expect.poll(busy, settled).toBe(0)
        expect(ended()).toEqual([before, recent])
      },
      { env: serviceEnv('livekit', double), dependencies: { databaseUrl } },
    )
  })
}, 40_000)

test('of two nodes one removes; when it stops, the other continues', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob, double, databaseUrl } = world
    const rooms: string[] = []
    await withWorld(
      async () => {
        for (let nth = 0; nth < 4; nth++) rooms.push(await world.group(alice, bob))
        for (const roomId of rooms.slice(0, 2)) await alice.rest('POST', `/rooms/${roomId}/end`)
        await expect.poll(() => double.calls.length, settled).toBe(2)
      },
      { env: serviceEnv('livekit', double), dependencies: { databaseUrl } },
    )
    for (const roomId of rooms.slice(2)) await alice.rest('POST', `/rooms/${roomId}/end`)
    await expect.poll(() => double.calls.map(({ roomId }) => roomId).toSorted(), settled).toEqual(rooms.toSorted())
  })
})
