import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SEED } from '../../seed.ts'
import { expectAgreement, same } from './agreement.ts'
import { type Gateway, settle, startGateway } from './gateway.ts'
import { type Deed, type Request, type Room, Rules, type User } from './rules.ts'

const GATEWAYS = 2
const UNKNOWN = '01900000-0000-7000-8000-000000000000'

/** What the rules know, and which room of the gateway is which of theirs. */
interface Model {
  readonly rules: Rules
  readonly ids: string[]
}
type Command = fc.AsyncCommand<Model, Gateway>

let ran = 0

/** A command that can always be given; it answers the rooms that it touched. */
function command(
  words: string,
  run: (model: Model, gateway: Gateway) => Promise<readonly (Room | undefined)[]>,
): Command {
  return {
    check: () => true,
    toString: () => words,
    async run(model, gateway) {
      ran += 1
      await compare(model, gateway, await run(model, gateway))
    },
  }
}

async function compare({ rules, ids }: Model, gateway: Gateway, touched: readonly (Room | undefined)[]): Promise<void> {
  const rooms = touched.filter((room) => room !== undefined)
  if (rooms.length === 0) return
  const recorded = await gateway.record(rooms.map((room) => ids[room.nth] ?? ''))
  for (const [index, room] of rooms.entries()) {
    const record = recorded[index]
    if (!record) throw new Error(`room ${room.nth} is not in the database`)
    expectAgreement(record, room, rules.now)
  }
}

const create = (actor: User, request: Request, key: string | null): Command =>
  command(`create ${JSON.stringify({ actor, request, key })}`, async ({ rules, ids }, gateway) => {
    const expected = rules.create(actor, request, key)
    const actual = await settle(gateway.create(actor, request, key))
    same('the outcome', actual.outcome, expected.outcome)
    if (expected.outcome !== 'ok' || !('answer' in actual)) return []
    const { room, replayed } = actual.answer
    same('whether the room was there', replayed, expected.replayed)
    if (!replayed) ids.push(room.id)
    same('which room', ids.indexOf(room.id), expected.room.nth)
    return [expected.room]
  })

/** `which` counts from the newest room; there may be none yet. */
const carryOut = (which: number, deed: Deed): Command =>
  command(`${which} ${JSON.stringify(deed)}`, async ({ rules, ids }, gateway) => {
    const room = rules.rooms.at(-1 - which)
    const { outcome } = await settle(gateway.carryOut(room ? (ids[room.nth] ?? '') : UNKNOWN, deed))
    same('the outcome', outcome, room ? rules.carryOut(room, deed) : 'NOT_FOUND')
    return [room]
  })

const block = (blocker: User, userId: string, blocks: boolean): Command =>
  command(`${blocks ? 'block' : 'unblock'} ${JSON.stringify([blocker, userId])}`, async ({ rules }, gateway) => {
    const { outcome } = await settle(gateway.block(blocker, userId, blocks))
    same('the outcome', outcome, blocks && blocker.id === userId ? 'BAD_USER_INPUT' : 'ok')
    if (outcome === 'ok') rules.blocks[blocks ? 'add' : 'delete'](`${blocker.id}>${userId}`)
    return []
  })

const wait = (seconds: number): Command =>
  command(`wait ${seconds} s`, ({ rules }, gateway) => {
    gateway.clock.advance(seconds)
    rules.now += seconds * 1000
    return Promise.resolve([])
  })

/** The sweeper comes; `dies` after it has taken what is due. */
const sweep = (dies: boolean): Command =>
  command(dies ? 'claim' : 'sweep', async ({ rules, ids }, gateway) => {
    const due = rules.claim()
    const claimed = await gateway.claimDue()
    same(
      'what is due',
      claimed.map((id) => ids.indexOf(id)).toSorted((a, b) => a - b),
      due.map(({ nth }) => nth),
    )
    if (dies) return due
    for (const room of due) {
      rules.carryOut(room, { type: 'tick' })
      await gateway.carryOut(ids[room.nth] ?? '', { type: 'tick' })
    }
    return due
  })

/** Few people who meet often: what is rare is then still told. */
const userId = fc.constantFrom('alice', 'alice', 'alice', 'bob', 'bob', 'bob', 'carol', 'dave')
const actor: fc.Arbitrary<User> = fc.oneof(
  { weight: 9, arbitrary: userId.map((id) => ({ id, isAdmin: false })) },
  fc.constant({ id: 'root', isAdmin: true }),
)
const flag = fc.constantFrom(null, true, false)
const deviceId = fc.constantFrom(null, null, 'phone', 'tablet')
const sessionId = fc.constantFrom(null, null, 's-1', 's-2')
const after = fc.constantFrom(null, null, 0, 5, 60)
const key = fc.constantFrom(null, null, null, 'key-1', 'key-2')
const callerId = fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, userId)
const mediaType = fc.constantFrom('audio' as const, 'video' as const)

const call = fc.record<Request>({
  type: fc.constant('p2p'),
  callerId,
  calleeId: fc.oneof({ weight: 12, arbitrary: userId }, fc.constant(null)),
  participantIds: fc.constant([]),
  mediaType,
  access: fc.oneof({ weight: 12, arbitrary: fc.constant('invited' as const) }, fc.constant('link' as const)),
  maxParticipants: fc.constantFrom(null, null, null, 2, 3),
})
const group = fc.record<Request>({
  type: fc.constant('group'),
  callerId,
  calleeId: fc.oneof({ weight: 12, arbitrary: fc.constant(null) }, userId),
  participantIds: fc.array(userId, { maxLength: 3 }),
  mediaType,
  access: fc.constantFrom('invited' as const, 'link' as const),
  maxParticipants: fc.constantFrom(null, 1, 2, 3),
})

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record<Deed & { type: 'join' }>({
      type: fc.constant('join'),
      actor,
      deviceId,
      sessionId,
      expectStream: fc.boolean(),
      mesh: fc.boolean(),
      audio: flag,
      video: flag,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record<Deed & { type: 'leave' }>({ type: fc.constant('leave'), actor, deviceId, sessionId, after }),
  },
  fc.record<Deed & { type: 'end' }>({ type: fc.constant('end'), actor }),
  fc.record<Deed & { type: 'read' }>({ type: fc.constant('read'), actor }),
  fc.record<Deed & { type: 'reject' }>({
    type: fc.constant('reject'),
    actor,
    reason: fc.constantFrom('declined' as const, 'busy' as const),
  }),
  {
    weight: 2,
    arbitrary: fc.record<Deed & { type: 'invite' }>({
      type: fc.constant('invite'),
      actor,
      userIds: fc.array(userId, { minLength: 1, maxLength: 3 }),
    }),
  },
  fc.record<Deed & { type: 'remove' }>({ type: fc.constant('remove'), actor, userId }),
  fc.record<Deed & { type: 'transferHost' }>({ type: fc.constant('transferHost'), actor, userId }),
  fc.record<Deed & { type: 'update' }>({ type: fc.constant('update'), actor, audio: flag, video: flag }),
  {
    weight: 2,
    arbitrary: fc.record<Deed & { type: 'disconnect' }>({ type: fc.constant('disconnect'), userId, deviceId }),
  },
  {
    weight: 2,
    arbitrary: fc.record<Deed & { type: 'reconnect' }>({ type: fc.constant('reconnect'), userId, deviceId }),
  },
  fc.record<Deed & { type: 'absent' }>({
    type: fc.constant('absent'),
    userId,
    sessionId: fc.constantFrom('s-1', 's-2', '#2', '#3'),
    ago: fc.constantFrom(0, 5, 20),
  }),
)

const commands = fc.commands<Model, Gateway, false>(
  [
    fc.tuple(actor, fc.oneof(call, group), key).map((made) => create(...made)),
    ...Array.from({ length: 6 }, () => fc.tuple(fc.constantFrom(0, 0, 1, 2), deed).map((done) => carryOut(...done))),
    fc.tuple(actor, userId, fc.boolean()).map((blocked) => block(...blocked)),
    fc.constantFrom(0, 1, 4, 5, 19, 20, 30, 44, 45, 100, 240).map(wait),
    fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)).map(sweep),
  ],
  { maxCommands: 60, size: 'max' },
)

async function tellStories(
  gateway: Gateway,
  { seed, endOnFailure, until }: { seed: number; endOnFailure: boolean; until: () => boolean },
): Promise<void> {
  for (let round = 0; !until(); round += 1) {
    await fc.assert(
      fc.asyncProperty(commands, async (story) => {
        await gateway.clear()
        const model: Model = { rules: new Rules(gateway.clock.now().getTime()), ids: [] }
        await fc.asyncModelRun(() => ({ model, real: gateway }), story)
        await compare(model, gateway, model.rules.rooms)
        expect(await gateway.countRooms()).toBe(model.rules.rooms.length)
      }),
      { numRuns: 20, seed: seed + round * GATEWAYS, endOnFailure },
    )
  }
}

/**
 * Random stories over the running service and its database, told beside the rules: after each command the outcome, the
 * rows, the log folded from its first event, and the rules agree.
 */
export function checkModel(count: number): void {
  let gateways: Gateway[] = []
  beforeAll(async () => {
    gateways = await Promise.all(Array.from({ length: GATEWAYS }, startGateway))
  })
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()))
  })

  test(`the service, its rows, its log and the rules agree after each of ${count} commands (seed ${SEED})`, async () => {
    ran = 0
    const isEnough = () => ran >= count
    await Promise.all(
      gateways.map((gateway, index) =>
        tellStories(gateway, { seed: SEED + index, endOnFailure: count > 10_000, until: isEnough }),
      ),
    )
    expect(ran).toBeGreaterThanOrEqual(count)
  }, 1_200_000)
}
