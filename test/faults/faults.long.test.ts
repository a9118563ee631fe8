import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Cluster, GRACE } from './cluster.ts'
import { Reader, Writer } from './crowd.ts'

/** The short form of CI; `FAULT_FACTOR=10 npx vitest run test/faults` is the long one. */
const FACTOR = Number(process.env['FAULT_FACTOR'] ?? 1)
const READERS_EACH = 4
const PEOPLE = ['alice', 'bob', 'carol', 'dave', 'erin']
/** Milliseconds. */
const HEALED_WITHIN = 5_000
/** For readers that were cut off again and again, and are hundreds of events behind. */
const CAUGHT_UP_WITHIN = 30_000
const UNAVAILABLE_WITHIN = 5_000
/** Seconds. */
const NOTICED_WITHIN = 15

let cluster: Cluster
let roomId: string
let readers: Reader[] = []
let writers: Writer[] = []
const table: string[] = []

beforeAll(async () => {
  cluster = await Cluster.start()
  const post = async (userId: string, path: string, body?: unknown) => {
    const response = await fetch(`${cluster.urls[0]}/im/api/v1/rtc${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await cluster.token(userId)}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    expect(response.ok).toBe(true)
    return (await response.json()) as { id: string }
  }
  roomId = (await post('alice', '/rooms', { type: 'group', participantIds: PEOPLE.slice(1) })).id
  for (const userId of PEOPLE) await post(userId, `/rooms/${roomId}/join`)
  const places = await Promise.all(
    PEOPLE.map(async (userId) => ({ roomId, userId, token: await cluster.token(userId), urls: () => cluster.urls })),
  )
  readers = places.flatMap((place) => Array.from({ length: READERS_EACH }, () => new Reader(place).start()))
  writers = places.map((place) => new Writer(place).start())
  await vi.waitUntil(() => readers.every(({ view }) => view), 30_000)
}, 60_000)

afterAll(() => {
  process.stdout.write(`\n${table.join('\n')}\n`)
})

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const acknowledged = () => sum(writers.map((writer) => writer.acknowledged.length))
const resumed = () => sum(readers.map((reader) => reader.resumed))

/** Breaks something under load; afterwards everything promised must hold. */
async function endure(name: string, harm: () => Promise<unknown>): Promise<void> {
  const before = { acknowledged: acknowledged(), resumed: resumed(), received: sum(readers.map((r) => r.received)) }
  await harm()
  const healing = performance.now()
  await expect.poll(() => acknowledged(), { timeout: HEALED_WITHIN }).toBeGreaterThan(before.acknowledged)
  await converge()
  const took = performance.now() - healing
  table.push(
    [
      name.padEnd(46),
      `${acknowledged() - before.acknowledged} commands acknowledged`,
      `${sum(readers.map((r) => r.received)) - before.received} updates received`,
      `${resumed() - before.resumed} resumptions`,
      `all views equal after ${(took / 1000).toFixed(1)} s`,
    ].join(' | '),
  )
}

/** Without load, every reader sees what the database holds, and nothing was lost, repeated or out of order. */
async function converge(): Promise<void> {
  await Promise.all(writers.map((writer) => writer.stop()))
  const latest = async () => {
    const { rows } = await cluster.query('SELECT "seq" FROM "Room" WHERE "id" = $1', [roomId])
    return (rows[0] as { seq: number }).seq
  }
  await expect
    .poll(async () => [...new Set(readers.map(({ cursor }) => cursor))].join() === String(await latest()), {
      timeout: CAUGHT_UP_WITHIN,
    })
    .toBe(true)
  const { rows: people } = await cluster.query(
    'SELECT "userId", upper("state"::text) AS state, "audio", "connected" FROM "Participant" WHERE "roomId" = $1 ORDER BY "ordinal"',
    [roomId],
  )
  for (const { view, faults } of readers) {
    expect(faults).toEqual([])
    expect(view?.participants).toEqual(people)
  }
  const { rows } = await cluster.query('SELECT "seq", "actorId" FROM "RoomEvent" WHERE "roomId" = $1 ORDER BY "seq"', [
    roomId,
  ])
  const log = new Map((rows as { seq: number; actorId: string }[]).map(({ seq, actorId }) => [seq, actorId]))
  for (const [index, writer] of writers.entries()) {
    expect(writer.acknowledged.filter((seq) => log.get(seq) !== PEOPLE[index])).toEqual([])
  }
  for (const writer of writers) writer.start()
}

const downFor = (seconds: number) => delay(seconds * 1000 * Math.min(FACTOR, 3))

test('a node killed under load', async () => {
  await endure('kill -9 of a node, started again after 2 s', async () => {
    await delay(500)
    await cluster.killNode(1)
    await downFor(2)
    await cluster.startNode(1)
  })
}, 120_000)

test('the connection between the nodes cut, again and again', async () => {
  await endure('LISTEN connections cut', async () => {
    for (let round = 0; round < 5 * FACTOR; round += 1) {
      expect(await cluster.cutBus()).toBeGreaterThan(0)
      await delay(300)
    }
  })
}, 120_000)

test('PostgreSQL stopped and started again: refused within five seconds meanwhile, streams stay open and catch up', async () => {
  const connected = () => readers.filter(({ isConnected }) => isConnected).length
  await expect.poll(connected).toBe(readers.length)
  const before = resumed()
  const refused = writers.map((writer) => writer.refusals.length)
  await endure(`PostgreSQL stopped for ${10 * Math.min(FACTOR, 3)} s`, async () => {
    await cluster.stopDatabase()
    await downFor(10)
    const meanwhile = writers.flatMap((writer, index) => writer.refusals.slice(refused[index]))
    expect(meanwhile.length).toBeGreaterThan(0)
    expect(new Set(meanwhile.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']))
    expect(Math.max(...meanwhile.map(({ took }) => took))).toBeLessThan(UNAVAILABLE_WITHIN + 500)
    expect(connected()).toBe(readers.length)
    await cluster.startDatabase()
  })
  expect(resumed()).toBe(before)
}, 120_000)

test('PostgreSQL killed', async () => {
  await endure('kill -9 of PostgreSQL, started again after 1 s', async () => {
    await cluster.killDatabase()
    await downFor(1)
    await cluster.startDatabase()
  })
}, 120_000)

test(
  'client sockets cut at random',
  async () => {
    const CUTS = 2000 * FACTOR
    const before = resumed()
    await endure(`${CUTS} client sockets cut at random`, async () => {
      for (let cuts = 0; cuts < CUTS;) {
        const reader = readers[Math.floor(Math.random() * readers.length)]
        if (reader?.isConnected) {
          reader.cut()
          cuts += 1
        }
        await delay(2)
      }
    })
    expect(resumed() - before).toBeGreaterThanOrEqual(CUTS)
  },
  180_000 * Math.max(FACTOR, 1),
)

test('whoever was only at the killed node and does not come back leaves as disconnected: no ghosts', async () => {
  await Promise.all(writers.map((writer) => writer.stop()))
  const ghosts = readers.filter((_, index) => Math.floor(index / READERS_EACH) === PEOPLE.indexOf('erin'))
  // Their last streams die with the node.
  const place = { roomId, userId: 'erin', token: await cluster.token('erin'), urls: () => cluster.urls.slice(1) }
  await Promise.all(ghosts.map((reader) => reader.stop()))
  const last = new Reader(place).start()
  await expect.poll(() => last.view).toBeDefined()
  await cluster.killNode(1)
  const killed = performance.now()
  await last.stop()
  const state = async () => {
    const { rows } = await cluster.query(
      'SELECT "state", "leaveReason" FROM "Participant" WHERE "roomId" = $1 AND "userId" = $2',
      [roomId, 'erin'],
    )
    return rows[0] as { state: string; leaveReason: string | null }
  }
  await expect.poll(state, { timeout: 40_000, interval: 200 }).toEqual({ state: 'left', leaveReason: 'disconnected' })
  const took = (performance.now() - killed) / 1000
  expect(took).toBeLessThan(NOTICED_WITHIN + GRACE)
  table.push(`${'ghost of a killed node'.padEnd(46)} | out after ${took.toFixed(1)} s, of which ${GRACE} s are grace`)
  await cluster.startNode(1)
}, 60_000)

test('afterwards every process ends by itself: no socket, timer or listener is left, and nothing went unhandled', async () => {
  await Promise.all([...readers.map((reader) => reader.stop()), ...writers.map((writer) => writer.stop())])
  const { codes, complaints } = await cluster.stop()
  expect(codes).toEqual([0, 0])
  // That the database was away is logged, and is what these faults are about.
  expect(complaints.filter((line) => !line.includes('"cause":"database_unreachable"'))).toEqual([])
}, 60_000)
