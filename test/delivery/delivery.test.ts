import { describe, expect, test } from 'vitest'
import { DELIVERED, type DeliveryOutcome } from '../../src/delivery/destination.ts'
import { manualClock, startWorld, withWorld, type World } from '../world.ts'
import { destinationsOf, receiver, type Receiver, seqsOf } from './receiver.ts'

const RETRY: DeliveryOutcome = { kind: 'retry' }

async function group({ alice }: World): Promise<string> {
  const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
  return body.id
}

/** Creates a group, which alice, bob and carol join, and ends it. @returns its id and its last `seq` */
async function meeting(world: World): Promise<{ roomId: string; seq: number }> {
  const roomId = await group(world)
  for (const person of [world.alice, world.bob, world.carol]) {
    expect(await person.rest('POST', `/rooms/${roomId}/join`)).toMatchObject({ status: 200 })
  }
  const ended = await world.alice.rest('POST', `/rooms/${roomId}/end`)
  expect(ended).toMatchObject({ status: 200 })
  return { roomId, seq: ended.body.seq }
}

const upTo = (seq: number) => Array.from({ length: seq }, (_, index) => index + 1)

/** Failed attempts that are recorded in the database. */
async function failedAttempts({ app }: World): Promise<number> {
  const { _sum } = await app.prisma.deliveryBacklog.aggregate({ _sum: { attempts: true } })
  return _sum.attempts ?? 0
}

const untilAll = (destination: Receiver, meetings: readonly { roomId: string; seq: number }[]) =>
  destination.until(() => meetings.every(({ roomId, seq }) => new Set(seqsOf(destination, roomId)).size === seq))

describe('a destination', () => {
  test('receives every event once, in the order of the room, with the room as of the event', async () => {
    const inbox = receiver('inbox')
    await withWorld(
      async (world) => {
        const meetings = await Promise.all([meeting(world), meeting(world), meeting(world)])
        await untilAll(inbox, meetings)
        for (const { roomId, seq } of meetings) expect(seqsOf(inbox, roomId)).toEqual(upTo(seq))
        for (const update of inbox.received) expect(update.room.seq).toBe(update.seq)
      },
      { dependencies: destinationsOf(inbox) },
    )
  })

  test('receives only what it wants', async () => {
    const ends = receiver('ends', undefined, { wants: ({ type }) => type === 'room_ended' })
    await withWorld(
      async (world) => {
        const meetings = [await meeting(world), await meeting(world)]
        await ends.untilReceived(2)
        expect(ends.received.map(({ room, type }) => [room.id, type])).toEqual(
          meetings.map(({ roomId }) => [roomId, 'room_ended']),
        )
      },
      { dependencies: destinationsOf(ends) },
    )
  })

  test('that fails for one room receives the events of other rooms meanwhile, then those of this room in order', async () => {
    const clock = manualClock()
    let failing: string | undefined
    const inbox = receiver('inbox', ({ room }) => (room.id === failing ? RETRY : DELIVERED))
    await withWorld(
      async (world) => {
        const stuck = await group(world)
        await inbox.untilReceived(1)
        failing = stuck
        await world.bob.rest('POST', `/rooms/${stuck}/join`)
        const other = await meeting(world)
        await untilAll(inbox, [other])
        expect(seqsOf(inbox, stuck)).toEqual([1])
        failing = undefined
        clock.advance(10)
        await inbox.until(() => seqsOf(inbox, stuck).length === 2)
        expect(seqsOf(inbox, stuck)).toEqual([1, 2])
      },
      { dependencies: { ...destinationsOf(inbox), clock } },
    )
  })

  test('that never answers delays no other destination and no command', async () => {
    const silent = receiver(
      'silent',
      (_update, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')))
        }),
      { parallel: 1 },
    )
    const inbox = receiver('inbox')
    await withWorld(
      async (world) => {
        const meetings = [await meeting(world), await meeting(world)]
        await untilAll(inbox, meetings)
        expect(silent.received).toEqual([])
      },
      { dependencies: destinationsOf(silent, inbox) },
    )
  })

  test('gives an event up after its last attempt and continues with the next one', async () => {
    const clock = manualClock()
    const attempts: number[] = []
    const inbox = receiver(
      'inbox',
      ({ seq }, { number, isLast }) => {
        if (seq !== 1) return DELIVERED
        attempts.push(number)
        expect(isLast).toBe(number === 3)
        return RETRY
      },
      { delayAfter: (count) => (count < 3 ? 1_000 : null) },
    )
    await withWorld(
      async (world) => {
        const roomId = await group(world)
        await world.bob.rest('POST', `/rooms/${roomId}/join`)
        await expect.poll(() => (clock.advance(1), attempts)).toHaveLength(3)
        await inbox.untilReceived(1)
        expect(attempts).toEqual([1, 2, 3])
        expect(seqsOf(inbox, roomId)).toEqual([2])
      },
      { dependencies: { ...destinationsOf(inbox), clock } },
    )
  })

  test('that asks for a pause gets no event of any room until the pause is over', async () => {
    const clock = manualClock()
    let overloaded = true
    let attempts = 0
    const inbox = receiver(
      'inbox',
      () => {
        attempts += 1
        return overloaded ? { kind: 'retry', after: 30_000, pause: 30_000 } : DELIVERED
      },
      { parallel: 1 },
    )
    const witness = receiver('witness')
    await withWorld(
      async (world) => {
        const meetings = [await meeting(world), await meeting(world), await meeting(world)]
        await untilAll(witness, meetings)
        await expect.poll(() => failedAttempts(world)).toBe(1)
        overloaded = false
        clock.advance(29)
        await untilAll(witness, [await meeting(world)])
        expect(attempts).toBe(1)
        clock.advance(1)
        await untilAll(inbox, meetings)
      },
      { dependencies: { ...destinationsOf(inbox, witness), clock } },
    )
  })

  test('that answers disable receives nothing more', async () => {
    let attempts = 0
    const gone = receiver('gone', () => {
      attempts += 1
      return { kind: 'disable' }
    })
    const inbox = receiver('inbox')
    await withWorld(
      async (world) => {
        await untilAll(inbox, [await meeting(world)])
        await expect.poll(() => world.app.deliveries.states().map(({ id }) => id)).toEqual(['inbox'])
        const before = attempts
        expect(before).toBeGreaterThan(0)
        await untilAll(inbox, [await meeting(world)])
        expect(attempts).toBe(before)
      },
      { dependencies: destinationsOf(gone, inbox) },
    )
  })

  test('skips a room that was deleted before its events were delivered', async () => {
    const clock = manualClock()
    let fails = true
    const inbox = receiver('inbox', () => (fails ? RETRY : DELIVERED))
    await withWorld(
      async (world) => {
        const roomId = await group(world)
        await expect.poll(() => failedAttempts(world)).toBe(1)
        // An event that was not read before the deletion, so that it is in no cache.
        await world.bob.rest('POST', `/rooms/${roomId}/join`)
        await expect.poll(() => world.app.prisma.deliveryBacklog.findMany()).toMatchObject([{ roomId, upTo: 2 }])
        await world.app.prisma.room.delete({ where: { id: roomId } })
        fails = false
        clock.advance(60)
        const after = await meeting(world)
        await untilAll(inbox, [after])
        expect(seqsOf(inbox, roomId)).toEqual([])
        expect(await world.app.prisma.deliveryBacklog.count({ where: { roomId } })).toBe(0)
      },
      { dependencies: { ...destinationsOf(inbox), clock } },
    )
  })
})

describe('with two nodes', () => {
  test('one node delivers to a destination; when it stops, the other one continues without a gap', async () => {
    const [here, there] = [receiver('inbox'), receiver('inbox')]
    const first = await startWorld({ dependencies: destinationsOf(here) })
    const second = await startWorld({ dependencies: { ...destinationsOf(there), databaseUrl: first.databaseUrl } })
    try {
      const roomId = await group(second)
      await here.untilReceived(1)
      expect(there.received).toEqual([])
      await first.app.dispose()
      await second.bob.rest('POST', `/rooms/${roomId}/join`)
      await second.alice.rest('POST', `/rooms/${roomId}/end`)
      await there.until(() => there.received.at(-1)?.type === 'room_ended')
      expect([...seqsOf(here, roomId), ...seqsOf(there, roomId)]).toEqual(upTo(3))
    } finally {
      await second.close()
      await first.close()
    }
  })

  test('the lease of a node that has died is taken when it expires, and delivery continues in the backlog', async () => {
    const clock = manualClock()
    const [here, there] = [receiver('inbox', ({ seq }) => (seq === 2 ? RETRY : DELIVERED)), receiver('inbox')]
    const first = await startWorld({ dependencies: { ...destinationsOf(here), clock } })
    const second = await startWorld({ dependencies: { ...destinationsOf(there), databaseUrl: first.databaseUrl } })
    try {
      const roomId = await group(first)
      await first.bob.rest('POST', `/rooms/${roomId}/join`)
      await expect
        .poll(() => first.app.prisma.deliveryBacklog.findMany({ where: { roomId } }))
        .toMatchObject([{ after: 1, upTo: 2, attempts: 1 }])
      await first.app.dispose()
      // A node that dies releases nothing.
      await second.app.prisma.$executeRaw`
        UPDATE "DeliveryDestination" SET "nodeId" = gen_random_uuid(), "leasedUntil" = now() + interval '1 second'`
      await there.untilReceived(1)
      expect(seqsOf(here, roomId)).toEqual([1])
      expect(seqsOf(there, roomId)).toEqual([2])
    } finally {
      await second.close()
      await first.close()
    }
  })
})

test('without destinations no statement is sent for deliveries', async () => {
  const statements: string[] = []
  const world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
  try {
    // The start has compared the cursors with the server, in case that the database was restored.
    statements.length = 0
    await meeting(world)
    expect(statements.filter((sql) => /Delivery/.test(sql))).toEqual([])
    expect(statements.length).toBeGreaterThan(3)
  } finally {
    await world.close()
  }
})
