import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MEDIA_SERVICES } from '../../src/media/providers.ts'
import { livekitHook, livekitReport, type Report } from '../media/hooks/signed.ts'
import { watch } from '../presence/people.ts'
import { withWorld } from '../world.ts'
import { serviceEnv, withService } from './services.ts'

/** LiveKit and Agora report whole seconds. */
const start = Math.floor(Date.now() / 1000) * 1000
const at = (seconds: number) => new Date(start + seconds * 1000)
const settled = { timeout: 10_000 }

describe.each(MEDIA_SERVICES)('%s', (service) => {
  test('a lost connection begins the grace although the stream is live, and entering again ends it', async () => {
    await withService(service, async (world) => {
      const { alice, bob } = world
      const roomId = await world.group(alice, bob)
      const mediaId = await world.mediaIdOf(roomId, bob)
      const stream = watch(world, bob, roomId)
      await stream.until('SNAPSHOT')
      const first = { id: 'PA_1', since: at(-60) }
      expect((await world.report({ kind: 'joined', roomId, mediaId, at: at(-60), stay: first })).status).toBe(200)
      await world.report({ kind: 'lost', roomId, mediaId, at: at(-50), stay: first })
      const lost = await stream.until('PARTICIPANT_DISCONNECTED')
      expect(lost.participant).toMatchObject({ userId: 'bob', state: 'JOINED', connected: false })
      await world.report({ kind: 'joined', roomId, mediaId, at: at(-40), stay: { id: 'PA_2', since: at(-40) } })
      const back = await stream.next()
      expect(back).toMatchObject({ type: 'PARTICIPANT_RECONNECTED', participant: { userId: 'bob', connected: true } })
      // The lost connection is reported again, late.
      await world.report({ kind: 'lost', roomId, mediaId, at: at(-50), stay: first })
      await bob.rest('POST', `/rooms/${roomId}/leave`)
      expect((await stream.next()).type).toBe('PARTICIPANT_LEFT')
      expect(world.double.calls.filter(({ action }) => action === 'remove')).toEqual([])
      await stream.done()
    })
  })

  test('who has not joined is removed again', async () => {
    await withService(service, async (world) => {
      const { alice, bob, carol, double } = world
      const roomId = await world.group(alice, bob)
      // Carol is invited and has not joined.
      const mediaId = await world.mediaIdOf(roomId, carol)
      const bobs = await world.mediaIdOf(roomId, bob)
      double.enter(roomId, bobs)
      for (const id of [mediaId, '4711']) {
        double.enter(roomId, id)
        await world.report({ kind: 'joined', roomId, mediaId: id, at: at(0) })
        await expect.poll(() => double.isPresent(roomId, id), settled).toBe(false)
      }
      expect(double.isPresent(roomId, bobs)).toBe(true)
    })
  })

  test('who enters a room that has ended is removed, and an empty room does not end', async () => {
    await withService(service, async (world) => {
      const { alice, bob, double } = world
      const roomId = await world.group(alice, bob)
      const mediaId = await world.mediaIdOf(roomId, bob)
      await world.report({ kind: 'joined', roomId, mediaId, at: at(-9) })
      await world.report({ kind: 'left', roomId, mediaId, at: at(-8) })
      expect((await alice.rest('GET', `/rooms/${roomId}`)).body).toMatchObject({ status: 'active' })
      expect(await world.participant(roomId, bob)).toMatchObject({ state: 'joined', connected: true })
      await alice.rest('POST', `/rooms/${roomId}/end`)
      await expect.poll(() => double.calls.map(({ action }) => action), settled).toContain('end')
      double.enter(roomId, mediaId)
      await world.report({ kind: 'joined', roomId, mediaId, at: at(1) })
      await expect.poll(() => double.isPresent(roomId, mediaId), settled).toBe(false)
    })
  })
})

test('a report is acted on again until the service has removed the user', async () => {
  await withService('livekit', async (world) => {
    const { alice, double } = world
    const roomId = await world.group(alice)
    double.enter(roomId, 'mallory')
    double.failures = [503]
    await world.report({ kind: 'joined', roomId, mediaId: 'mallory', at: at(0) })
    await expect.poll(() => double.requests, settled).toBe(1)
    expect(double.isPresent(roomId, 'mallory')).toBe(true)
    const later = new Date(Date.now() - 1)
    await world.app.prisma.mediaStay.updateMany({ data: { dueAt: later } })
    await expect.poll(() => double.isPresent(roomId, 'mallory'), settled).toBe(false)
    await expect.poll(() => world.app.prisma.mediaStay.count({ where: { dueAt: { not: null } } }), settled).toBe(0)
  })
})

test('a participant whose media does not return has left when the grace is over', async () => {
  await withService(
    'livekit',
    async (world) => {
      const { alice, bob } = world
      const roomId = await world.group(alice, bob)
      const stream = watch(world, bob, roomId)
      await stream.until('SNAPSHOT')
      await world.report({ kind: 'lost', roomId, mediaId: 'bob', at: at(0) })
      const left = await stream.until('PARTICIPANT_LEFT')
      expect(left.participant).toMatchObject({ userId: 'bob', leaveReason: 'DISCONNECTED' })
      await stream.done()
    },
    { env: { DISCONNECT_GRACE: '1' } },
  )
})

test('a stream that opens after the loss ends the grace', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob } = world
    const roomId = await world.group(alice, bob)
    const alices = watch(world, alice, roomId)
    await alices.until('SNAPSHOT')
    await world.report({ kind: 'lost', roomId, mediaId: 'bob', at: at(0) })
    await alices.until('PARTICIPANT_DISCONNECTED')
    const bobs = watch(world, bob, roomId)
    expect((await alices.next()).type).toBe('PARTICIPANT_RECONNECTED')
    await Promise.all([alices.done(), bobs.done()])
  })
})

test('reports about rooms of another provider, unknown users and unreadable names change nothing', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob } = world
    const roomId = await world.group(alice, bob)
    const { body: other } = await alice.rest('POST', '/rooms', { type: 'group', provider: 'webrtc' })
    await alice.rest('POST', `/rooms/${other.id}/join`)
    const reports: Report[] = [
      { kind: 'lost', roomId: other.id, mediaId: 'alice', at: at(0) },
      { kind: 'lost', roomId, mediaId: 'mallory', at: at(0) },
      { kind: 'joined', roomId, mediaId: 'a\u0000b', at: at(0) },
      { kind: 'joined', roomId, mediaId: 'x'.repeat(257), at: at(0) },
      { kind: 'joined', roomId, mediaId: 'bob', at: at(0), stay: { id: 'PA_\u0000', since: at(0) } },
      { kind: 'joined', roomId: 'no uuid', mediaId: 'bob', at: at(0) },
    ]
    for (const report of reports) expect((await world.report(report)).status).toBe(200)
    expect((await world.post(await livekitHook({ event: 'room_finished', room: { name: roomId } }))).status).toBe(200)
    expect(await world.app.prisma.mediaStay.count()).toBe(0)
    expect((await alice.rest('GET', `/rooms/${roomId}`)).body).toMatchObject({ status: 'active' })
  })
})

test('after dropped webhooks, who is at the media is asked for', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob, double } = world
    const roomId = await world.group(alice, bob)
    await world.report({ kind: 'joined', roomId, mediaId: 'alice', at: at(-9) })
    double.enter(roomId, 'bob', at(-8))
    double.enter(roomId, 'mallory', at(-8))
    const dropped = await livekitHook({ event: 'track_published', room: { name: roomId }, numDropped: 2 })
    expect((await world.post(dropped)).status).toBe(200)
    await expect.poll(() => double.isPresent(roomId, 'mallory'), settled).toBe(false)
    const present = async () =>
      (await world.app.prisma.mediaStay.findMany({ where: { roomId, present: true } })).map(({ mediaId }) => mediaId)
    await expect.poll(present, settled).toEqual(expect.arrayContaining(['bob']))
    expect(await present()).not.toContain('alice')
    expect(await world.participant(roomId, alice)).toMatchObject({ state: 'joined', connected: true })
  })
})

test('any order and repetition of the same reports leads to the same state', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob } = world
    const stays = [at(-90), at(-60), at(-30)].map((since, nth) => ({ id: `PA_${nth}`, since }))
    const told = stays.flatMap((stay, nth): Omit<Report, 'roomId'>[] => [
      { kind: 'joined', mediaId: 'bob', at: stay.since, stay },
      // A stay of a lost connection ends after the next one has begun.
      ...(nth < 2 ? [{ kind: 'lost', mediaId: 'bob', at: at(-20), stay } as const] : []),
    ])
    const orders = fc.shuffledSubarray([...told, ...told], { minLength: 2 * told.length })
    for (const order of fc.sample(orders, 12)) {
      const roomId = await world.group(alice, bob)
      await Promise.all(order.map((report) => world.report({ ...report, roomId })))
      const due = () => world.app.prisma.mediaStay.count({ where: { roomId, dueAt: { not: null } } })
      await expect.poll(due, settled).toBe(0)
      expect(await world.participant(roomId, bob)).toMatchObject({ connected: true })
      expect(await world.app.prisma.mediaStay.findMany({ where: { roomId } })).toMatchObject([
        { stay: 'PA_2', present: true, position: at(-30).getTime() },
      ])
    }
  })
})

test('two nodes act on the reports of one user', async () => {
  await withService('livekit', async (world) => {
    const { alice, bob, databaseUrl } = world
    await withWorld(
      async (other) => {
        const roomId = await world.group(alice, bob)
        const stream = watch(other, bob, roomId)
        await stream.until('SNAPSHOT')
        const stay = { id: 'PA_1', since: at(-60) }
        const { headers, body } = await livekitHook(
          livekitReport({ kind: 'lost', roomId, mediaId: 'bob', at: at(0), stay }),
        )
        const responses = await Promise.all(
          [world.url, other.url, world.url, other.url].map((url) =>
            fetch(`${url}/webhooks/livekit`, { method: 'POST', headers, body }),
          ),
        )
        expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200])
        await stream.until('PARTICIPANT_DISCONNECTED')
        await bob.rest('POST', `/rooms/${roomId}/leave`)
        expect((await stream.next()).type).toBe('PARTICIPANT_LEFT')
        await stream.done()
      },
      {
        env: serviceEnv('livekit', world.double),
        dependencies: { databaseUrl },
      },
    )
  })
})
