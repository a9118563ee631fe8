// oxlint-disable vitest/no-standalone-expect -- the tests call these methods
import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { Cluster } from './cluster.ts'
import { Subscriber, Writer } from './crowd.ts'

/** 1 in CI; a longer run: `FAULT_FACTOR=10 npx vitest run test/faults`. */
export const FACTOR = Number(process.env['FAULT_FACTOR'] ?? 1)
export const SUBSCRIBERS_EACH = 4
export const USERS = ['alice', 'bob', 'carol', 'dave', 'erin']
/** Milliseconds. */
const RECOVERY_TIMEOUT = 5_000
/** Milliseconds. Long enough for subscribers that were cut off repeatedly and are hundreds of events behind. */
const CATCH_UP_TIMEOUT = 30_000

export const downFor = (seconds: number): Promise<void> => delay(seconds * 1000 * Math.min(FACTOR, 3))

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** Two nodes under load: a room whose members write, and are subscribed, at both. */
export class FaultRun {
  readonly cluster: Cluster
  readonly roomId: string
  readonly subscribers: readonly Subscriber[]
  readonly writers: readonly Writer[]
  /** A line about each fault. */
  readonly summary: string[] = []

  private constructor(cluster: Cluster, roomId: string, tokens: readonly string[]) {
    this.cluster = cluster
    this.roomId = roomId
    const clients = USERS.map((userId, index) => {
      return { roomId, userId, token: tokens[index] ?? '', urls: () => cluster.urls }
    })
    this.subscribers = clients.flatMap((options) =>
      Array.from({ length: SUBSCRIBERS_EACH }, () => new Subscriber(options).start()),
    )
    this.writers = clients.map((options) => new Writer(options).start())
  }

  /** @param env - further variables of the nodes */
  static async start(env: Record<string, string> = {}): Promise<FaultRun> {
    const cluster = await Cluster.start(env)
    const post = async (userId: string, path: string, body?: unknown) => {
      const response = await fetch(`${cluster.urls[0]}/im/api/v1/rtc${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await cluster.token(userId)}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      expect(response.ok).toBe(true)
      return (await response.json()) as { id: string }
    }
    const { id } = await post('alice', '/rooms', { type: 'group', participantIds: USERS.slice(1) })
    for (const userId of USERS) await post(userId, `/rooms/${id}/join`)
    const run = new FaultRun(cluster, id, await Promise.all(USERS.map((userId) => cluster.token(userId))))
    await vi.waitUntil(() => run.subscribers.every(({ view }) => view), 30_000)
    return run
  }

  get acknowledged(): number {
    return sum(this.writers.map((writer) => writer.acknowledged.length))
  }

  get resumed(): number {
    return sum(this.subscribers.map((subscriber) => subscriber.resumed))
  }

  get received(): number {
    return sum(this.subscribers.map((subscriber) => subscriber.received))
  }

  startWriters(): void {
    for (const writer of this.writers) writer.start()
  }

  async stopWriters(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.stop()))
  }

  /** Injects a fault under load. Afterwards commands must be acknowledged again and all views must converge. */
  async expectRecovery(name: string, fault: () => Promise<unknown>): Promise<void> {
    const before = { acknowledged: this.acknowledged, resumed: this.resumed, received: this.received }
    await fault()
    const recoveryStart = performance.now()
    await expect.poll(() => this.acknowledged, { timeout: RECOVERY_TIMEOUT }).toBeGreaterThan(before.acknowledged)
    await this.expectConvergence()
    const took = performance.now() - recoveryStart
    this.summary.push(
      [
        name.padEnd(46),
        `${this.acknowledged - before.acknowledged} commands acknowledged`,
        `${this.received - before.received} updates received`,
        `${this.resumed - before.resumed} resumptions`,
        `all views equal after ${(took / 1000).toFixed(1)} s`,
      ].join(' | '),
    )
  }

  /** Stops the load. Every view must then equal the database, with no update lost, repeated or out of order. */
  async expectConvergence(): Promise<void> {
    const { cluster, roomId, subscribers, writers } = this
    await this.stopWriters()
    const latest = async () => {
      const { rows } = await cluster.query('SELECT "seq" FROM "Room" WHERE "id" = $1', [roomId])
      return (rows[0] as { seq: number }).seq
    }
    await expect
      .poll(async () => [...new Set(subscribers.map(({ cursor }) => cursor))].join() === String(await latest()), {
        timeout: CATCH_UP_TIMEOUT,
      })
      .toBe(true)
    const { rows: people } = await cluster.query(
      'SELECT "userId", upper("state"::text) AS state, "audio", "connected" FROM "Participant" WHERE "roomId" = $1 ORDER BY "ordinal"',
      [roomId],
    )
    for (const { view, faults } of subscribers) {
      expect(faults).toEqual([])
      expect(view?.participants).toEqual(people)
    }
    const { rows } = await cluster.query(
      'SELECT "seq", "actorId" FROM "RoomEvent" WHERE "roomId" = $1 ORDER BY "seq"',
      [roomId],
    )
    const log = new Map((rows as { seq: number; actorId: string }[]).map(({ seq, actorId }) => [seq, actorId]))
    for (const [index, writer] of writers.entries()) {
      expect(writer.acknowledged.filter((seq) => log.get(seq) !== USERS[index])).toEqual([])
    }
    this.startWriters()
  }

  /** Stops everything; every process must exit by itself. Returns their unexpected log lines. */
  async stop(): Promise<string[]> {
    await Promise.all([...this.subscribers.map((subscriber) => subscriber.stop()), this.stopWriters()])
    const { codes, unexpectedLogs } = await this.cluster.stop()
    expect(codes).toEqual([0, 0])
    return unexpectedLogs
  }
}
