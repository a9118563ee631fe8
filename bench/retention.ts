import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import type { Actor } from '../src/core/actor.ts'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { createRetentionStore } from '../src/retention/store.ts'
import { CreateRoom, JoinRoom } from '../src/rooms/input.ts'
import { percentile } from './harness/statistics.ts'

/**
 * What deleting old rooms costs live calls, and what partitions by time would cost and save.
 *
 *     npm run bench:retention -- [rooms]
 *
 * Fills a database with past calls of six events and two participants each, spread over 60 days. Then measures calls
 * (create, two joins, end) at a fixed rate: alone, while the gateway purges, while it purges without pauses, and while one
 * statement deletes the rooms of two days.
 */
const ROOMS = Number(process.argv[2] ?? 500_000)
const DAYS = 60
const ROUNDS = 3
/** Milliseconds of one measurement, and between the starts of two calls. */
const DURATION = 10_000
const EVERY = 50
/** As in src/retention/purge.ts. */
const PAUSE = 100

const EVENTS_OF_ROOM = 6
const FILL = [
  `INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "calleeId", "provider", "access",
                       "maxParticipants", "seq", "createdAt", "startedAt", "endedAt", "endReason", "expiresAt", "createdBy")
   SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
          'p2p', 'video', 'ended', 'user-' || n % 9973, 'user-' || n % 4999 + 10001, 'webrtc', 'invited', 2,
          ${EVENTS_OF_ROOM}, at, at, at + interval '1 minute', 'completed', at, 'user-' || n % 9973
     FROM generate_series(0, $1::int - 1) n,
          LATERAL (SELECT now() - interval '1 day' - n * (interval '${DAYS} days' / $1::int) AS at) call`,
  `INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "stayed")
   SELECT room."id", person."userId", person."ordinal", person."role"::"ParticipantRole", 'left', false, false, false, 60
     FROM "Room" room, LATERAL (VALUES (room."callerId", 0, 'caller'), (room."calleeId", 1, 'callee'))
                            AS person("userId", "ordinal", "role")`,
  `INSERT INTO "RoomEvent" ("roomId", "seq", "type", "actorId", "subjectId", "data", "at")
   SELECT room."id", nth, 'participant_updated', room."callerId", room."callerId",
          jsonb_build_object('participants', jsonb_build_array(to_jsonb(person))), room."createdAt" + nth * interval '1 second'
     FROM "Room" room JOIN "Participant" person ON person."roomId" = room."id" AND person."ordinal" = 0,
          generate_series(1, ${EVENTS_OF_ROOM}) nth`,
]

const PARTITIONED = `
  CREATE TABLE "EventByDay" ("roomId" uuid NOT NULL, "seq" int NOT NULL, "data" jsonb NOT NULL, "at" timestamptz(3) NOT NULL,
                             PRIMARY KEY ("roomId", "seq", "at")) PARTITION BY RANGE ("at");
  CREATE TABLE "EventPlain" ("roomId" uuid NOT NULL, "seq" int NOT NULL, "data" jsonb NOT NULL, "at" timestamptz(3) NOT NULL,
                             PRIMARY KEY ("roomId", "seq"))`

const print = (text: string): boolean => process.stdout.write(`${text}\n`)
const ms = (value: number): string => value.toFixed(1)
const actor = (id: string): Actor => ({ id, scopes: new Set() })
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rtc-bench-'))
  const log = createLogger('silent')
  const server = await startEmbeddedServer({ dataDir, log })
  const client = new pg.Client(server.url)
  const configuration = loadConfig({ JWT_SECRET: 'x'.repeat(32), RATE_LIMITS: 'off' })
  const app = createApp(configuration, { databaseUrl: server.url, log })
  try {
    await app.start()
    await client.connect()
    const filled = await timed(async () => {
      for (const [index, sql] of FILL.entries()) await client.query(sql, index === 0 ? [ROOMS] : [])
      await client.query('VACUUM ANALYZE')
    })
    const [size] = (await client.query(`SELECT pg_size_pretty(pg_database_size(current_database())) AS size`)).rows
    print(`${ROOMS} rooms, ${ROOMS * EVENTS_OF_ROOM} events, ${size.size}; filled in ${Math.round(filled / 1000)} s`)

    const store = createRetentionStore(app.prisma)
    const cutoffAt = (day: number): Date => new Date(Date.now() - (DAYS - day) * 86_400_000)

    /** The milliseconds of calls that start at a fixed rate, measured from their intended start. */
    const calls = async (): Promise<number[]> => {
      const durations: Promise<number>[] = []
      const began = performance.now()
      for (let n = 0; n * EVERY < DURATION; n += 1) {
        const due = began + n * EVERY
        await pause(Math.max(0, due - performance.now()))
        durations.push(oneCall(`${began}-${n}`).then(() => performance.now() - due))
      }
      return Promise.all(durations)
    }
    const oneCall = async (name: string): Promise<void> => {
      const [caller, callee] = [actor(`caller ${name}`), actor(`callee ${name}`)]
      const { room } = await app.rooms.create(caller, CreateRoom.parse({ type: 'p2p', calleeId: callee.id }))
      for (const one of [caller, callee]) await app.rooms.join(one, room.id, JoinRoom.parse({}))
      await app.rooms.end(caller, room.id)
    }

    let day = 2
    const statements: number[] = []
    const purge = async (between: number, stop: AbortSignal): Promise<void> => {
      while (!stop.aborted) {
        statements.push(await timed(() => store.deleteBatch(cutoffAt(day))))
        await pause(between)
      }
    }
    const rooms = async (): Promise<number> =>
      Number(
        (await client.query(`SELECT count(*) FROM "Room" WHERE "endedAt" < now() - interval '1 hour'`)).rows[0].count,
      )
    const loads: Readonly<Record<string, (stop: AbortSignal) => Promise<unknown>>> = {
      'nothing else': () => Promise.resolve(),
      'the purge': (stop) => purge(PAUSE, stop),
      'a purge without pauses': (stop) => purge(0, stop),
      'one statement for two days': () => client.query(`DELETE FROM "Room" WHERE "endedAt" < $1`, [cutoffAt(day)]),
    }
    await calls()
    const results = new Map<string, { calls: number[]; rooms: number[] }>()
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, load] of Object.entries(loads)) {
        day += 2
        const stop = new AbortController()
        const kept = await rooms()
        const beside = load(stop.signal)
        const durations = await calls()
        stop.abort()
        await beside
        const result = results.get(name) ?? { calls: [], rooms: [] }
        result.calls.push(...durations)
        result.rooms.push(kept - (await rooms()))
        results.set(name, result)
      }
    }
    print('\nbeside calls of four commands, 20 a second: median, 95 %, 99 %, maximum in ms; rooms deleted per round')
    for (const [name, { calls: durations, rooms: deleted }] of results) {
      const [median, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((part) => ms(percentile(durations, part)))
      print(`${name.padEnd(26)} ${median} ${p95} ${p99} ${max}   ${deleted.join(', ')}`)
    }
    print(
      `statements of the purge: median ${ms(percentile(statements, 0.5))}, maximum ${ms(percentile(statements, 1))} ms`,
    )

    await comparePartitions(client)
  } finally {
    await client.end()
    await app.dispose()
    await server.stop()
    await rm(dataDir, { recursive: true })
  }
}

/** Reads of one room's log and inserts of one event, in one table and in one partition per day. */
async function comparePartitions(client: pg.Client): Promise<void> {
  await client.query(PARTITIONED)
  for (let day = -2; day <= DAYS + 2; day += 1) {
    const bound = (offset: number) =>
      `'${new Date(Date.now() - (day + offset) * 86_400_000).toISOString().slice(0, 10)}'`
    await client.query(
      `CREATE TABLE "EventOfDay${day + 2}" PARTITION OF "EventByDay" FOR VALUES FROM (${bound(1)}) TO (${bound(0)})`,
    )
  }
  const tables = ['EventPlain', 'EventByDay']
  for (const table of tables) {
    await client.query(
      `INSERT INTO "${table}" SELECT "roomId", "seq", "data", "at" FROM "RoomEvent" WHERE "at" < now() - interval '12 hours'`,
    )
  }
  await client.query('VACUUM ANALYZE')
  const { rows } = await client.query<{ id: string }>(
    `SELECT "id" FROM "Room" WHERE "endedAt" < now() - interval '12 hours' ORDER BY md5("id"::text) LIMIT 2000`,
  )
  print('\none event table, and one partition per day: ms to read a log of six events, and to insert an event')
  for (const table of [...tables, ...tables]) {
    const read = await timed(async () => {
      for (const { id } of rows) {
        await client.query({
          name: `read ${table}`,
          text: `SELECT * FROM "${table}" WHERE "roomId" = $1 AND "seq" > $2 ORDER BY "seq" LIMIT 500`,
          values: [id, 0],
        })
      }
    })
    const seq = 1_000_000 + Math.round(performance.now())
    const insert = await timed(async () => {
      for (const { id } of rows) {
        await client.query({
          name: `insert ${table}`,
          text: `INSERT INTO "${table}" SELECT $1, $2, '{}', now()`,
          values: [id, seq],
        })
      }
    })
    print(`${table.padEnd(12)} ${(read / rows.length).toFixed(3)} ${(insert / rows.length).toFixed(3)}`)
  }
  const dropped = await timed(() => client.query(`DROP TABLE "EventOfDay30"`))
  print(`to drop the partition of a day: ${ms(dropped)} ms`)
}

await main()
