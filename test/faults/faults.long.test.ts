import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, GRACE } from './cluster.ts'
import { Subscriber, unmute as unmuteAt } from './crowd.ts'
import { downFor, FACTOR, FaultRun, SUBSCRIBERS_EACH, USERS } from './fault-run.ts'

const METRICS_TOKEN = 'a-token-of-the-fault-run'
const REFUSAL_TIMEOUT = 5_000
/** Seconds. */
const DETECTION_TIMEOUT = 15

let run: FaultRun
let cluster: Cluster
beforeAll(async () => {
  run = await FaultRun.start({ METRICS_TOKEN })
  ;({ cluster } = run)
}, 60_000)

afterAll(() => {
  process.stdout.write(`\n${run.summary.join('\n')}\n`)
})

test('recovers from a node killed under load', async () => {
  await run.expectRecovery('kill -9 of a node, started again after 2 s', async () => {
    await delay(500)
    await cluster.killNode(1)
    await downFor(2)
    await cluster.startNode(1)
  })
}, 120_000)

/**
 * A transaction that has locked the log against writers, or waits in the lock's queue. Locks of tables are granted in the
 * order of the requests, unlike those of rows.
 */
async function lockLog() {
  const client = new pg.Client({ connectionString: cluster.databaseUrl })
  await client.connect()
  await client.query('BEGIN')
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  let isLocked = false
  const locked = client.query('LOCK TABLE "RoomEvent" IN SHARE ROW EXCLUSIVE MODE').then(() => {
    isLocked = true
  })
  const waits = async () =>
    (await cluster.query(`SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, [rows[0]?.pid]))
      .rowCount === 1
  await expect.poll(async () => isLocked || (await waits())).toBe(true)
  return { locked, release: () => client.end() }
}

/** Server processes of the gateways whose commit waits for the log's lock. */
const waitingCommits = async (): Promise<number[]> => {
  const { rows } = await cluster.query(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'rtc-gateway' AND wait_event_type = 'Lock'
        AND query LIKE '%given AS (%'`,
  )
  return (rows as { pid: number }[]).map(({ pid }) => pid)
}

async function requestsInFlight(url: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
  const [, number] = /^rtc_http_requests_in_flight (\d+)$/m.exec(await response.text()) ?? []
  return Number(number)
}

/** Numbers of events in the room's log by the transaction that wrote them, in the order of the log. */
const transactions = async (id: string): Promise<number[]> => {
  const { rows } = await cluster.query(
    `SELECT count(*)::int AS events FROM "RoomEvent" WHERE "roomId" = $1 GROUP BY xmin ORDER BY min("seq")`,
    [id],
  )
  return (rows as { events: number }[]).map(({ events }) => events)
}

test.each([
  { name: 'lands after the kill', terminated: false },
  { name: 'is rolled back', terminated: true },
])(
  'a node killed while a grouped commit is in flight: the commit $name as a whole, and no acknowledged command is lost',
  async ({ name, terminated }) => {
    await run.stopWriters()
    const members = Array.from({ length: 20 }, (_, index) => `member-${index}`)
    const tokens = await Promise.all(members.map((userId) => cluster.token(userId)))
    const request = async (node: number, index: number, method: string, path: string, body: unknown) => {
      const response = await fetch(`${cluster.urls[node]}/im/api/v1/rtc${path}`, {
        method,
        headers: { authorization: `Bearer ${tokens[index]}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      expect(response.ok).toBe(true)
      return (await response.json()) as { id: string; seq: number }
    }
    const { id } = await request(1, 0, 'POST', '/rooms', { type: 'group', access: 'link', maxParticipants: 50 })
    for (const index of members.keys()) await request(1, index, 'POST', `/rooms/${id}/join`, { audio: false })
    const watcher = new Subscriber({
      roomId: id,
      userId: 'member-0',
      token: tokens[0] ?? '',
      urls: () => cluster.urls.slice(0, 1),
    }).start()
    await expect.poll(() => watcher.view).toBeDefined()
    const before = await transactions(id)

    // While the first command's commit waits, the others queue at the node. A second lock, behind the first commit in the
    // queue, then holds up the commit that the others share.
    const unmute = (index: number) => unmuteAt({ roomId: id, url: cluster.urls[1] ?? '', token: tokens[index] ?? '' })
    const first = await lockLog()
    await first.locked
    const acknowledged = unmute(0)
    await expect.poll(waitingCommits).toHaveLength(1)
    const second = await lockLog()
    const unanswered = Promise.allSettled(members.slice(1).map((_, index) => unmute(index + 1)))
    // All of them have arrived; they are queued when the node answers a later request.
    await expect.poll(() => requestsInFlight(cluster.urls[1] ?? '')).toBe(members.length)
    await fetch(`${cluster.urls[1]}/health/ready`)
    await first.release()
    const seq = await acknowledged
    await second.locked
    await expect.poll(waitingCommits).toHaveLength(1)
    const [pid] = await waitingCommits()
    await cluster.killNode(1)
    if (terminated) await cluster.query('SELECT pg_terminate_backend($1)', [pid])
    await second.release()
    await expect.poll(waitingCommits).toHaveLength(0)

    expect((await unanswered).map(({ status }) => status)).toEqual(members.slice(1).map(() => 'rejected'))
    const [grouped = 0, ...others] = (await transactions(id)).slice(before.length + 1)
    expect(others).toEqual([])
    // Commands that reached the node late are not part of the commit.
    if (terminated) expect(grouped).toBe(0)
    else expect(grouped).toBeGreaterThan(members.length / 2)
    const { rows } = await cluster.query('SELECT "actorId" FROM "RoomEvent" WHERE "roomId" = $1 AND "seq" = $2', [
      id,
      seq,
    ])
    expect(rows).toEqual([{ actorId: 'member-0' }])
    // The surviving node continues: its view includes the commit if it landed, and it accepts the commands again.
    for (const index of members.keys())
      await unmuteAt({ roomId: id, url: cluster.urls[0] ?? '', token: tokens[index] ?? '' })
    await expect.poll(() => watcher.view?.participants.filter(({ audio }) => audio).length).toBe(members.length)
    expect(watcher.faults).toEqual([])
    await watcher.stop()
    await cluster.startNode(1)
    run.startWriters()
    run.summary.push(
      `${'kill -9 of a node amid a grouped commit'.padEnd(46)} | ${members.length - 1} commands, which ${name}`,
    )
  },
  60_000,
)

test('recovers from repeatedly terminated LISTEN connections', async () => {
  await run.expectRecovery('LISTEN connections cut', async () => {
    for (let round = 0; round < 5 * FACTOR; round += 1) {
      // The nodes may still be reconnecting after the previous round.
      await expect.poll(() => cluster.cutBus()).toBeGreaterThan(0)
      await delay(300)
    }
  })
}, 120_000)

test('while PostgreSQL is stopped, commands fail with UNAVAILABLE within five seconds; streams stay open and catch up', async () => {
  const { subscribers, writers } = run
  const connected = () => subscribers.filter(({ isConnected }) => isConnected).length
  await expect.poll(connected).toBe(subscribers.length)
  const before = run.resumed
  const refused = writers.map((writer) => writer.refusals.length)
  await run.expectRecovery(`PostgreSQL stopped for ${10 * Math.min(FACTOR, 3)} s`, async () => {
    await cluster.stopDatabase()
    await downFor(10)
    const meanwhile = writers.flatMap((writer, index) => writer.refusals.slice(refused[index]))
    expect(meanwhile.length).toBeGreaterThan(0)
    expect(new Set(meanwhile.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']))
    expect(Math.max(...meanwhile.map(({ took }) => took))).toBeLessThan(REFUSAL_TIMEOUT + 500)
    expect(connected()).toBe(subscribers.length)
    await cluster.startDatabase()
  })
  expect(run.resumed).toBe(before)
}, 120_000)

test('recovers from killed PostgreSQL', async () => {
  await run.expectRecovery('kill -9 of PostgreSQL, started again after 1 s', async () => {
    await cluster.killDatabase()
    await downFor(1)
    await cluster.startDatabase()
  })
}, 120_000)

test(
  'recovers from client sockets cut at random',
  async () => {
    const CUTS = 2000 * FACTOR
    const before = run.resumed
    await run.expectRecovery(`${CUTS} client sockets cut at random`, async () => {
      for (let cuts = 0; cuts < CUTS;) {
        const subscriber = run.subscribers[Math.floor(Math.random() * run.subscribers.length)]
        if (subscriber?.isConnected) {
          subscriber.cut()
          cuts += 1
        }
        await delay(2)
      }
    })
    expect(run.resumed - before).toBeGreaterThanOrEqual(CUTS)
  },
  180_000 * Math.max(FACTOR, 1),
)

test('a participant whose only stream was at a killed node leaves as disconnected', async () => {
  await run.stopWriters()
  const { roomId, subscribers } = run
  const ghosts = subscribers.filter((_, index) => Math.floor(index / SUBSCRIBERS_EACH) === USERS.indexOf('erin'))
  // The last stream is at the node that is killed.
  const options = { roomId, userId: 'erin', token: await cluster.token('erin'), urls: () => cluster.urls.slice(1) }
  await Promise.all(ghosts.map((subscriber) => subscriber.stop()))
  const last = new Subscriber(options).start()
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
  expect(took).toBeLessThan(DETECTION_TIMEOUT + GRACE)
  run.summary.push(
    `${'participant of a killed node'.padEnd(46)} | left after ${took.toFixed(1)} s, of which ${GRACE} s are grace`,
  )
  await cluster.startNode(1)
}, 60_000)

test('afterwards every process exits by itself: no socket, timer or listener is left, and no rejection was unhandled', async () => {
  const unexpectedLogs = await run.stop()
  // Log lines about the unreachable database are expected.
  expect(unexpectedLogs.filter((line) => !line.includes('"cause":"database_unreachable"'))).toEqual([])
}, 60_000)
