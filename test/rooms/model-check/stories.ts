import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SEED } from '../../seed.ts'
import { expectAgreement, expectSame } from './agreement.ts'
import { type Gateway, settle, startGateway } from './gateway.ts'
import { type RoomCommand, type Request, type Room, Rules, type User } from './rules.ts'

const GATEWAYS = 2
const UNKNOWN = '01900000-0000-7000-8000-000000000000'

/** The model, and the gateway's room id of each of its rooms. */
interface Model {
  readonly rules: Rules
  readonly ids: string[]
}
type Command = fc.AsyncCommand<Model, Gateway>

let commandsRun = 0

/** A command without precondition. `run` returns the rooms that it touched, which are then compared. */
function command(
  description: string,
  run: (model: Model, gateway: Gateway) => Promise<readonly (Room | undefined)[]>,
): Command {
  return {
    check: () => true,
    toString: () => description,
    async run(model, gateway) {
      commandsRun += 1
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
    expectSame('the outcome', actual.outcome, expected.outcome)
    if (expected.outcome !== 'ok' || !('answer' in actual)) return []
    const { room, replayed } = actual.answer
    expectSame('whether the room existed', replayed, expected.replayed)
    if (!replayed) ids.push(room.id)
    expectSame('which room', ids.indexOf(room.id), expected.room.nth)
    return [expected.room]
  })

/** `which` counts from the newest room; an unknown id is used when there is no such room. */
const execute = (which: number, roomCommand: RoomCommand): Command =>
  command(`${which} ${JSON.stringify(roomCommand)}`, async ({ rules, ids }, gateway) => {
    const room = rules.rooms.at(-1 - which)
    const { outcome } = await settle(gateway.execute(room ? (ids[room.nth] ?? '') : UNKNOWN, roomCommand))
    expectSame('the outcome', outcome, room ? rules.execute(room, roomCommand) : 'NOT_FOUND')
    return [room]
  })

const block = (blocker: User, userId: string, blocks: boolean): Command =>
  command(`${blocks ? 'block' : 'unblock'} ${JSON.stringify([blocker, userId])}`, async ({ rules }, gateway) => {
    const { outcome } = await settle(gateway.block(blocker, userId, blocks))
    expectSame('the outcome', outcome, blocks && blocker.id === userId ? 'BAD_USER_INPUT' : 'ok')
    if (outcome === 'ok') rules.blocks[blocks ? 'add' : 'delete'](`${blocker.id}>${userId}`)
    return []
  })

const connect = (user: string, isConnected: boolean): Command =>
  command(`${isConnected ? 'connect' : 'disconnect'} ${user}`, async ({ rules }, gateway) => {
    await gateway.connect(user, isConnected)
    rules.connected[isConnected ? 'add' : 'delete'](user)
    return []
  })

const wait = (seconds: number): Command =>
  command(`wait ${seconds} s`, ({ rules }, gateway) => {
    gateway.clock.advance(seconds)
    rules.now += seconds * 1000
    return Promise.resolve([])
  })

/** Runs the sweeper, which may crash after it has claimed the overdue rooms. */
const sweep = (crashes: boolean): Command =>
  command(crashes ? 'claim' : 'sweep', async ({ rules, ids }, gateway) => {
    const due = rules.claim()
    const claimed = await gateway.claimDue()
    expectSame(
      'the overdue rooms',
      claimed.map((id) => ids.indexOf(id)).toSorted((a, b) => a - b),
      due.map(({ nth }) => nth),
    )
    if (crashes) return due
    for (const room of due) {
      rules.execute(room, { type: 'tick' })
      await gateway.execute(ids[room.nth] ?? '', { type: 'tick' })
    }
    return due
  })

/** Few users, so that rare combinations occur often. */
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

const roomCommand: fc.Arbitrary<RoomCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record<RoomCommand & { type: 'join' }>({
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
    arbitrary: fc.record<RoomCommand & { type: 'leave' }>({
      type: fc.constant('leave'),
      actor,
      deviceId,
      sessionId,
      after,
    }),
  },
  fc.record<RoomCommand & { type: 'end' }>({ type: fc.constant('end'), actor }),
  fc.record<RoomCommand & { type: 'read' }>({ type: fc.constant('read'), actor }),
  fc.record<RoomCommand & { type: 'reject' }>({
    type: fc.constant('reject'),
    actor,
    reason: fc.constantFrom('declined' as const, 'busy' as const),
  }),
  {
    weight: 2,
    arbitrary: fc.record<RoomCommand & { type: 'invite' }>({
      type: fc.constant('invite'),
      actor,
      userIds: fc.array(userId, { minLength: 1, maxLength: 3 }),
    }),
  },
  fc.record<RoomCommand & { type: 'remove' }>({ type: fc.constant('remove'), actor, userId }),
  fc.record<RoomCommand & { type: 'transferHost' }>({ type: fc.constant('transferHost'), actor, userId }),
  fc.record<RoomCommand & { type: 'update' }>({ type: fc.constant('update'), actor, audio: flag, video: flag }),
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record<RoomCommand & { type: 'disconnect' }>({ type: fc.constant('disconnect'), userId, deviceId }),
      fc.record<RoomCommand & { type: 'disconnect' }>({
        type: fc.constant('disconnect'),
        userId,
        deviceId,
        of: fc.constant('media'),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record<RoomCommand & { type: 'reconnect' }>({ type: fc.constant('reconnect'), userId, deviceId }),
      fc.record<RoomCommand & { type: 'reconnect' }>({
        type: fc.constant('reconnect'),
        userId,
        deviceId,
        of: fc.constantFrom('media', 'live stream'),
      }),
    ),
  },
  fc.record<RoomCommand & { type: 'reached' }>({
    type: fc.constant('reached'),
    userId,
    reach: fc.constantFrom('pushed', 'connected'),
  }),
  fc.record<RoomCommand & { type: 'absent' }>({
    type: fc.constant('absent'),
    userId,
    sessionId: fc.constantFrom('s-1', 's-2', '#2', '#3'),
    ago: fc.constantFrom(0, 5, 20),
  }),
)

const commands = fc.commands<Model, Gateway, false>(
  [
    fc.tuple(actor, fc.oneof(call, group), key).map((made) => create(...made)),
    ...Array.from({ length: 6 }, () =>
      fc.tuple(fc.constantFrom(0, 0, 1, 2), roomCommand).map((done) => execute(...done)),
    ),
    fc.tuple(actor, userId, fc.boolean()).map((blocked) => block(...blocked)),
    fc.tuple(userId, fc.constantFrom(true, true, false)).map((connected) => connect(...connected)),
    fc.constantFrom(0, 1, 4, 5, 19, 20, 30, 44, 45, 100, 240).map(wait),
    fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)).map(sweep),
  ],
  { maxCommands: 60, size: 'max' },
)

async function runStories(
  gateway: Gateway,
  { seed, endOnFailure, until }: { seed: number; endOnFailure: boolean; until: () => boolean },
): Promise<void> {
  for (let round = 0; !until(); round += 1) {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        await gateway.clear()
        const model: Model = { rules: new Rules(gateway.clock.now().getTime(), gateway), ids: [] }
        await fc.asyncModelRun(() => ({ model, real: gateway }), sequence)
        await compare(model, gateway, model.rules.rooms)
        expect(await gateway.countRooms()).toBe(model.rules.rooms.length)
      }),
      { numRuns: 20, seed: seed + round * GATEWAYS, endOnFailure },
    )
  }
}

/**
 * Runs random sequences of commands on the service with its database and on the model. After each command the outcome, the
 * rows, the fold of the log, and the model must agree.
 */
export function checkModel(count: number): void {
  let gateways: Gateway[] = []
  beforeAll(async () => {
    gateways = await Promise.all(
      Array.from({ length: GATEWAYS }, (_, index) => startGateway({ refuseOffline: index === 1 })),
    )
  })
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()))
  })

  test(`the rows, the log and the model agree after each of ${count} commands (seed ${SEED})`, async () => {
    commandsRun = 0
    const isEnough = () => commandsRun >= count
    await Promise.all(
      gateways.map((gateway, index) =>
        runStories(gateway, { seed: SEED + index, endOnFailure: count > 10_000, until: isEnough }),
      ),
    )
    expect(commandsRun).toBeGreaterThanOrEqual(count)
  }, 1_200_000)
}
