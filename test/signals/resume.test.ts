import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { createGatewayServer } from '../../src/server.ts'
import { manualClock, type ManualClock, type Messages, startWorld, createPerson, OPERATOR } from '../world.ts'
import { codeOf, group, listen, send, signalsOf } from './room.ts'

let clock: ManualClock
let world: Awaited<ReturnType<typeof startWorld>>
beforeEach(async () => {
  clock = manualClock()
  world = await startWorld({ dependencies: { clock } })
})
afterEach(() => world.close())

const seqs = async (messages: ReturnType<typeof listen>, count: number) =>
  (await signalsOf(messages, count)).map(({ seq }) => seq)

describe('a resumed stream', () => {
  test('delivers exactly the signals after any cursor, then new ones', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    for (let n = 1; n <= 70; n += 1) await send(alice, roomId, 'bob', { n })
    for (const after of [0, 1, 31, 32, 33, 64, 69]) {
      const messages = listen(bob, roomId, after)
      const rest = Array.from({ length: 70 - after }, (_, index) => after + index + 1)
      expect(await seqs(messages, rest.length)).toEqual(rest)
      await messages.return?.()
    }
    const messages = listen(bob, roomId, 70)
    const next = signalsOf(messages, 1)
    await expect.poll(() => world.app.signals.size).toBe(1)
    await send(alice, roomId, 'bob', { n: 71 })
    expect(await next).toMatchObject([{ seq: 71, payload: { n: 71 } }])
  })

  test('delivers signals that were sent during the grace of the lost connection', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    const presence = bob.subscribe(`subscription { roomUpdated(roomId: "${roomId}") { seq } }`)
    await presence.next()
    const messages = listen(bob, roomId)
    await send(alice, roomId, 'bob', { n: 1 })
    expect(await seqs(messages, 1)).toEqual([1])
    await Promise.all([messages.return?.(), presence.return?.()])
    const connected = async () => (await world.app.rooms.get(OPERATOR, roomId)).participants.at(1)?.connected
    await expect.poll(connected).toBe(false)
    clock.advance(19)
    await send(alice, roomId, 'bob', { n: 2 })
    expect(await seqs(listen(bob, roomId, 1), 1)).toEqual([2])
  })

  test('is refused with a cursor that is negative or ahead of the mailbox', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    await send(alice, roomId, 'bob')
    for (const after of [-1, 2, 2_147_483_647]) expect(await codeOf(listen(bob, roomId, after))).toBe('BAD_USER_INPUT')
    expect(await codeOf(listen(alice, roomId, 1))).toBe('BAD_USER_INPUT')
    expect(await seqs(listen(bob, roomId, null), 1)).toEqual([1])
  })
})

describe('a signal', () => {
  test('expires after 60 s, and its number is not reused', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    await send(alice, roomId, 'bob', { n: 1 })
    clock.advance(30)
    await send(alice, roomId, 'bob', { n: 2 })
    clock.advance(29)
    expect(await seqs(listen(bob, roomId), 2)).toEqual([1, 2])
    clock.advance(1)
    expect(await seqs(listen(bob, roomId, 0), 1)).toEqual([2])
    clock.advance(30)
    const idle = listen(bob, roomId)
    await send(alice, roomId, 'bob', { n: 3 })
    expect(await seqs(idle, 1)).toEqual([3])
    await expect.poll(() => world.app.prisma.signal.count(), { timeout: 12_000 }).toBe(1)
    await send(alice, roomId, 'bob', { n: 4 })
    expect(await seqs(idle, 1)).toEqual([4])
  })

  test('of an earlier membership is delivered only to a stream with a cursor before it', async () => {
    const { alice, bob } = world
    const roomId = await group(world, bob)
    for (const n of [1, 2]) await send(alice, roomId, 'bob', { n })
    await bob.rest('POST', `/rooms/${roomId}/leave`)
    clock.advance(1)
    await bob.rest('POST', `/rooms/${roomId}/join`)
    await send(alice, roomId, 'bob', { n: 3 })
    expect(await seqs(listen(bob, roomId), 1)).toEqual([3])
    expect(await seqs(listen(bob, roomId, 1), 2)).toEqual([2, 3])
  })

  test('is deleted with its mailbox when the room ends', async () => {
    const { alice, bob, carol, app } = world
    const [ended, other] = [await group(world, bob), await group(world, bob, carol)]
    for (const roomId of [ended, other]) await send(alice, roomId, 'bob')
    await alice.rest('POST', `/rooms/${ended}/end`)
    const left = await app.prisma.mailbox.findMany({ select: { roomId: true, signals: { select: { seq: true } } } })
    expect(left).toEqual([{ roomId: other, signals: [{ seq: 1 }] }])
  })
})

describe('at another node that receives no notices', () => {
  const warnings: string[] = []
  let other: App
  let there: Messages
  let roomId: string
  let close: () => Promise<void>
  beforeEach(async () => {
    warnings.length = 0
    const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) })
    other = createApp(world.app.configuration, { databaseUrl: world.databaseUrl, log, clock })
    await other.start()
    const server = createGatewayServer(other)
    await server.listen()
    close = async () => {
      await server.close()
      await other.dispose()
    }
    roomId = await group(world, world.bob)
    await send(world.alice, roomId, 'bob', { n: 1 })
    there = listen(createPerson(server.url, 'bob', world.bob.token), roomId)
    await seqs(there, 1)
  })
  afterEach(() => close())

  test('the periodic check delivers missed signals', async () => {
    for (const n of [2, 3]) await send(world.alice, roomId, 'bob', { n })
    await other.signals.check()
    expect(await seqs(there, 2)).toEqual([2, 3])
  })

  test.each([
    ['is removed', () => world.alice.rest('DELETE', `/rooms/${roomId}/participants/bob`)],
    ['joins with another device', () => world.bob.rest('POST', `/rooms/${roomId}/join`, { deviceId: 'tablet' })],
  ])('the periodic check ends the stream of a participant who %s', async (_what, endMembership) => {
    clock.advance(1)
    expect((await endMembership()).status).toBe(200)
    await other.signals.check()
    expect(await signalsOf(there)).toEqual([])
    expect(other.signals.size).toBe(0)
  })

  test('a stream retries a failed read without losing signals', async () => {
    const { prisma } = world.app
    await send(world.alice, roomId, 'bob', { n: 2 })
    await prisma.$executeRaw`ALTER TABLE "Signal" RENAME TO "Hidden"`
    other.signals.notice({ kind: 'signal', roomId, userId: 'bob' })
    await expect.poll(() => warnings.some((line) => line.includes('signals could not be read'))).toBe(true)
    await prisma.$executeRaw`ALTER TABLE "Hidden" RENAME TO "Signal"`
    expect(await seqs(there, 1)).toEqual([2])
  })
})
