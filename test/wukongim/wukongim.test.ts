import { afterEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { onlineHintOf, WukongimClient, WukongimError } from '../../src/wukongim/client.ts'
import { createWukongimDestination } from '../../src/wukongim/destination.ts'
import { linesTo } from '../logs/lines.ts'
import { type Answer, manualClock, startWorld, type World } from '../world.ts'
import { type Fault, type StoredMessage, WUKONGIM_TOKEN, WukongimDouble } from './double.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function startDouble(version: 2 | 3): Promise<WukongimDouble> {
  const double = await WukongimDouble.start({ version })
  cleanups.push(() => double.close())
  return double
}

/** A gateway that tells a WukongIM of the version. */
async function start(version: 2 | 3, options: Parameters<typeof startWorld>[0] = {}) {
  const double = await startDouble(version)
  const world = await startWorld({ ...options, env: { ...double.env, ...options.env } })
  cleanups.push(() => world.close())
  return { double, world }
}

const nameOf = ({ payload }: StoredMessage): string => payload.cmd?.split('.').at(-1) ?? 'record'
const namesOf = (messages: readonly StoredMessage[]): string[] => messages.map(nameOf)
const untilRecorded = (double: WukongimDouble, roomId: string): Promise<void> =>
  double.until(() => double.of(roomId).some((message) => nameOf(message) === 'record'))

/** A promise that resolves on request. */
function hold(): { readonly released: Promise<void>; release(): void } {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return { released, release: () => release() }
}

/** How people use the gateway: the same call by each of its APIs. */
const DOORS: Readonly<Record<string, (world: World) => Promise<string>>> = {
  async REST({ alice, bob }) {
    const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', mediaType: 'audio' })
    for (const person of [alice, bob]) await person.rest('POST', `/rooms/${body.id}/join`)
    await bob.rest('POST', `/rooms/${body.id}/end`)
    return body.id
  },
  async GraphQL({ alice, bob }) {
    const run = async (answer: Promise<Answer>) => {
      const { body } = await answer
      expect(body.errors).toBeUndefined()
      return body.data
    }
    const call = { type: 'P2P', calleeId: 'bob', mediaType: 'AUDIO' }
    const created = await run(
      alice.graphql('mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }', {
        input: call,
      }),
    )
    const { id: roomId } = created.createRoom.room
    const join = 'mutation ($input: JoinRoomInput!) { joinRoom(input: $input) { room { id } } }'
    for (const person of [alice, bob]) await run(person.graphql(join, { input: { roomId } }))
    const end = 'mutation ($input: EndRoomInput!) { endRoom(input: $input) { room { id } } }'
    await run(bob.graphql(end, { input: { roomId } }))
    return roomId
  },
}

describe.each([2, 3] as const)('WukongIM v%d', (version) => {
  test.each(Object.keys(DOORS))('is told a call that is made by %s', async (door) => {
    const { double, world } = await start(version)
    const roomId = (await DOORS[door]?.(world)) ?? ''
    await untilRecorded(double, roomId)
    const command = { no_persist: 0, red_dot: 0, sync_once: 1 }
    const common = { subscribers: [], expire: undefined, bound: true }
    const toBob = { ...common, from: 'alice', channelId: 'bob' }
    const toAlice = { ...common, from: 'bob', channelId: 'alice' }
    expect(double.messages).toEqual([
      {
        ...toBob,
        clientMsgNo: `${roomId}-1-invoke-caller`,
        header: command,
        payload: { type: 99, cmd: 'rtc.p2p.invoke', param: { from_uid: 'alice', call_type: 0, room_id: roomId } },
        expire: expect.any(Number),
      },
      {
        ...toAlice,
        clientMsgNo: `${roomId}-3-accept-callee`,
        header: { ...command, no_persist: 1 },
        payload: { type: 99, cmd: 'rtc.p2p.accept', param: { from_uid: 'bob', call_type: 0, room_id: roomId } },
      },
      {
        ...toAlice,
        clientMsgNo: `${roomId}-5-hangup-callee`,
        header: command,
        payload: { type: 99, cmd: 'rtc.p2p.hangup', param: { uid: 'bob', second: 0, room_id: roomId } },
      },
      {
        ...toBob,
        clientMsgNo: `${roomId}-5`,
        header: { no_persist: 0, red_dot: 1, sync_once: 0 },
        payload: { type: 9989, content: '通话时长：00:00', second: 0, call_type: 0, result_type: 1 },
      },
    ])
    expect(double.messages[0]?.expire).toBeGreaterThan(40)
    expect(double.messages[0]?.expire).toBeLessThanOrEqual(45)
  })

  test('is told a group by subscribers', async () => {
    const { double, world } = await start(version)
    const { alice, bob } = world
    const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    await alice.rest('POST', `/rooms/${body.id}/join`)
    await bob.rest('POST', `/rooms/${body.id}/reject`)
    await alice.rest('POST', `/rooms/${body.id}/end`)
    await double.until(() => double.messages.length === 3)
    expect(double.messages.map((message) => [nameOf(message), message.channelId, message.subscribers])).toEqual([
      ['invoke', null, ['bob', 'carol']],
      ['refuse', null, ['bob', 'alice', 'carol']],
      ['hangup', null, ['alice', 'carol']],
    ])
    expect(double.messages.every(({ bound }) => bound)).toBe(true)
  })

  test('stores a message once, although its first answer was lost', async () => {
    const { double, world } = await start(version)
    const isRecord = () => double.sends.length === 3
    double.fault = (path) => (path === '/message/send' && isRecord() ? { kind: 'cut', stored: true } : undefined)
    const roomId = (await DOORS['REST']?.(world)) ?? ''
    await double.until(() => double.sends.length === 6)
    // All messages of the event are sent again.
    expect(double.sends.slice(3)).toEqual([`${roomId}-5`, `${roomId}-5-hangup-callee`, `${roomId}-5`])
    expect(namesOf(double.messages)).toEqual(['invoke', 'accept', 'hangup', 'record'])
  })

  test('that does not answer delays no command, and no other room', async () => {
    const { double, world } = await start(version)
    const { released, release } = hold()
    const stuck = new Set<string>()
    double.fault = () => {
      if (stuck.size > 0) return undefined
      stuck.add('the first request')
      return { kind: 'slow', until: released }
    }
    const first = (await DOORS['REST']?.(world)) ?? ''
    await double.until(() => double.requests.length > 0)
    const second = (await DOORS['GraphQL']?.(world)) ?? ''
    await untilRecorded(double, second)
    expect(namesOf(double.of(first))).not.toContain('record')
    release()
    await untilRecorded(double, first)
  })

  test('is believed as a hint that a ring got to a device', async () => {
    const { double, world } = await start(version)
    const reachOf = async (calleeId: string, isPushed = false) => {
      const { body } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId })
      await double.until(() => double.requests.at(-1) === '/user/onlinestatus')
      const room = () => world.alice.rest('GET', `/rooms/${body.id}`)
      if (isPushed) await expect.poll(async () => (await room()).body.reach).toBe('pushed')
      // The end was told: nothing waits for the hint.
      await world.alice.rest('POST', `/rooms/${body.id}/end`)
      await untilRecorded(double, body.id)
      return (await room()).body.reach
    }
    double.online.add('bob')
    expect(await reachOf('bob', true)).toBe('pushed')
    expect(await reachOf('carol')).toBe('none')
    double.fault = (path) => (path === '/user/onlinestatus' ? { kind: 'status', status: 500 } : undefined)
    expect(await reachOf('bob')).toBe('none')
  })

  test('that was away when it rang gets no ring for a call that is over', async () => {
    const { double, world } = await start(version)
    let isAway = true
    double.fault = () => (isAway ? { kind: 'status', status: 503 } : undefined)
    const { alice } = world
    const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await double.until(() => double.requests.length >= 2)
    await alice.rest('POST', `/rooms/${body.id}/leave`)
    isAway = false
    await untilRecorded(double, body.id)
    expect(namesOf(double.messages)).toEqual(['cancel', 'record'])
  })

  test('tells who is online, and nobody in time of trouble', async () => {
    const double = await startDouble(version)
    const token = version === 2 ? WUKONGIM_TOKEN : undefined
    const client = new WukongimClient({ url: double.url, token }, () => new Date())
    double.online.add('bob')
    double.online.add('dave')
    const hint = onlineHintOf(client)
    expect(await hint(['alice', 'bob'])).toEqual(new Set(['bob']))
    expect(await hint([])).toEqual(new Set())
    const { released, release } = hold()
    const faults: readonly Fault[] = [
      { kind: 'status', status: 500 },
      { kind: 'cut', stored: false },
      { kind: 'slow', until: released },
    ]
    for (const fault of faults) {
      double.fault = () => fault
      expect(await onlineHintOf(client, 50)(['bob'])).toEqual(new Set())
    }
    release()
  })
})

test('the recipients are bound before each stored command', async () => {
  const binds = async (version: 2 | 3) => {
    const { double, world } = await start(version)
    for (let nth = 0; nth < 2; nth += 1) await untilRecorded(double, (await DOORS['REST']?.(world)) ?? '')
    return double.requests.filter((path) => path === '/message/cmd/bind').length
  }
  // The ring and the end of each call; `accept` is not stored. v2 answers that there is no such path.
  expect([await binds(2), await binds(3)]).toEqual([4, 4])
})

test('an upgrade from v2 to v3 loses no stored command', async () => {
  const { double, world } = await start(2)
  await untilRecorded(double, (await DOORS['REST']?.(world)) ?? '')
  const told = double.messages.length
  double.version = 3
  await untilRecorded(double, (await DOORS['REST']?.(world)) ?? '')
  await untilRecorded(double, (await DOORS['REST']?.(world)) ?? '')
  expect(double.messages.slice(told).every(({ bound }) => bound)).toBe(true)
})

test.each(['/message/send', '/message/cmd/bind'])(
  'a reason other than 1 of %s is a failure, although the status is 200',
  async (failing) => {
    const { double, world } = await start(3)
    const faults: (Fault | undefined)[] = [{ kind: 'reason', reason: 15 }]
    double.fault = (path) => (path === failing ? faults.shift() : undefined)
    const roomId = (await DOORS['REST']?.(world)) ?? ''
    await untilRecorded(double, roomId)
    expect(faults).toEqual([])
    expect(namesOf(double.messages).filter((name) => name === 'record')).toHaveLength(1)
    expect(double.messages.every(({ bound }) => bound)).toBe(true)
    expect(double.requests.filter((path) => path === failing).length).toBeGreaterThan(failing.endsWith('bind') ? 1 : 3)
  },
)

test('what something else answers at the address is a failure', async () => {
  const double = await startDouble(3)
  const client = new WukongimClient({ url: `${double.url}/proxy`, token: undefined }, () => new Date())
  const header = { no_persist: 1, red_dot: 0, sync_once: 1 } as const
  const message = { clientMsgNo: '1', header, from: 'alice', to: 'bob', payload: {} }
  await expect(client.send(message, new AbortController().signal)).rejects.toThrow(WukongimError)
  expect(double.requests).toEqual(['/proxy/message/send'])
})

test('a message is given up after twelve refusals, however often WukongIM was away before', async () => {
  const clock = manualClock()
  const update = await firstUpdate()
  let refused = false
  let number = 0
  const destination = createWukongimDestination({
    client: { send: () => Promise.reject(new WukongimError('no', { refused })) },
    onlineHint: () => Promise.resolve(new Set()),
    load: () => Promise.resolve(update.room),
    reached: () => Promise.resolve(),
    clock,
    log: createLogger('silent'),
  })
  const attempt = async (): Promise<string> => {
    number += 1
    const signal = new AbortController().signal
    return (await destination.deliver(update, { number, isLast: false, before: null, next: null, signal })).kind
  }
  const attempts = async (count: number): Promise<string[]> => {
    const kinds: string[] = []
    for (let nth = 0; nth < count; nth += 1) kinds.push(await attempt())
    return kinds
  }
  expect(await attempts(500)).toEqual(Array(500).fill('retry'))
  refused = true
  expect(await attempts(12)).toEqual([...Array(11).fill('retry'), 'given up'])
  // What was not told for days is not told any more.
  clock.advance(3 * 86_400)
  expect(await attempt()).toBe('delivered')
})

test('the record of a call is told although its last command is refused for good', async () => {
  const sent: string[] = []
  const update = await lastUpdate()
  const destination = createWukongimDestination({
    client: {
      async send({ clientMsgNo }) {
        if (clientMsgNo.includes('hangup')) throw new WukongimError('no', { refused: true })
        sent.push(clientMsgNo)
      },
    },
    onlineHint: () => Promise.resolve(new Set()),
    load: () => Promise.resolve(update.room),
    reached: () => Promise.resolve(),
    clock: manualClock(),
    log: createLogger('silent'),
  })
  const kinds: string[] = []
  for (let number = 1; number <= 12; number += 1) {
    const signal = new AbortController().signal
    kinds.push((await destination.deliver(update, { number, isLast: false, before: null, next: null, signal })).kind)
  }
  expect(kinds).toEqual([...Array(11).fill('retry'), 'given up'])
  expect(sent).toEqual([`${update.room.id}-${update.seq}`])
})

/** The events of a call that is answered and hung up. */
async function updatesOfCall() {
  const { receiver, destinationsOf } = await import('../delivery/receiver.ts')
  const target = receiver('calls')
  const world = await startWorld({ dependencies: destinationsOf(target) })
  cleanups.push(() => world.close())
  await DOORS['REST']?.(world)
  await expect.poll(() => target.received.at(-1)?.type).toBe('room_ended')
  return target.received
}

/** The event that creates a call. */
async function firstUpdate() {
  const [update] = await updatesOfCall()
  if (!update) throw new Error('no event was received')
  return update
}

/** The event that ends a call. */
async function lastUpdate() {
  const update = (await updatesOfCall()).at(-1)
  if (!update) throw new Error('no event was received')
  return update
}

test('a wrong token is logged, without the token', async () => {
  const lines = linesTo()
  const { double, world } = await start(2, {
    env: { WUKONGIM_TOKEN: 'a-wrong-token' },
    dependencies: { log: createLogger('trace', lines) },
  })
  await DOORS['REST']?.(world)
  await double.until(() => double.requests.length > 1)
  await expect.poll(() => lines.of('a message to WukongIM failed').length).toBeGreaterThan(0)
  const [line] = lines.of('a message to WukongIM failed')
  expect(line).toMatchObject({ level: 'warn', attempt: 1, reason: expect.stringContaining('WukongIM answered 401') })
  expect(lines.text()).not.toContain('a-wrong-token')
  expect(double.messages).toEqual([])
})
