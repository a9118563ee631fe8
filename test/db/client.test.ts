import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { createDatabase, type Database } from '../../src/db/client.ts'
import { type DatabaseServer, startEmbeddedServer } from '../../src/db/embedded.ts'
import { createTestDatabase } from '../database.ts'
import { killServer, makePreparedDataDir, query } from './data-dir.ts'
import { all, outcomes, UNAVAILABLE } from './outcomes.ts'

const log = createLogger('silent')

describe('a database client', () => {
  let database: Database
  let server: { url: string; drop(): Promise<void> }
  const statements: string[] = []

  beforeEach(async () => {
    server = await createTestDatabase()
    database = createDatabase({ url: server.url, log, onStatement: (sql) => statements.push(sql) })
  })

  afterEach(async () => {
    await database.close()
    await server.drop()
    statements.length = 0
  })

  it('connects lazily', async () => {
    const connections = `SELECT FROM pg_stat_activity WHERE application_name = 'rtc-gateway' AND datname = current_database()`
    expect(await query(server.url, connections)).toHaveLength(0)
    await database.prisma.room.count()
    expect(await query(server.url, connections)).toHaveLength(1)
  })

  it('reports every statement that it sends', async () => {
    await database.prisma.$queryRaw`SELECT 'raw'`
    await database.prisma.room.findMany()
    expect(statements).toEqual([`SELECT 'raw'`, expect.stringMatching(/^SELECT .* FROM "public"."Room"/)])
  })

  it('preserves times in any time zone of the database', async () => {
    await query(server.url, `ALTER DATABASE ${new URL(server.url).pathname.slice(1)} SET timezone = 'Asia/Kathmandu'`)
    const at = new Date('2026-03-29T01:30:00.123Z')
    const [row] = await database.prisma.$queryRaw<{ at: Date; same: boolean }[]>`
      SELECT ${at}::timestamptz AS at, ${at}::timestamptz = '2026-03-29T01:30:00.123Z' AS same`
    expect(row).toEqual({ at, same: true })
  })

  it('applies the options of its URL', async () => {
    const url = new URL(server.url)
    url.searchParams.set('options', '-c search_path=elsewhere')
    const other = createDatabase({ url: url.href, log })
    const shown = await other.prisma.$queryRaw`
      SELECT current_setting('search_path') AS path, current_setting('timezone') AS zone`
    await other.close()
    expect(shown).toEqual([{ path: 'elsewhere', zone: 'UTC' }])
  })

  it('passes other errors through unchanged', async () => {
    await expect(database.prisma.$queryRaw`SELECT 1 / 0`).rejects.toMatchObject({ code: 'P2010' })
    await expect(database.prisma.roomEvent.create({ data: eventOfNoRoom })).rejects.toMatchObject({ code: 'P2003' })
    await expect(database.prisma.room.findUniqueOrThrow({ where: { id: eventOfNoRoom.roomId } })).rejects.toMatchObject(
      {
        code: 'P2025',
      },
    )
  })

  it.each([
    ['nobody listens', { host: 'localhost:1' }],
    ['the host is unknown', { host: 'database.invalid' }],
    ['there is no such socket', { search: '?host=/nowhere' }],
    ['the password is wrong', { password: 'guess' }],
    ['there is no such database', { pathname: '/nowhere' }],
    ['the server speaks no TLS', { search: '?sslmode=require&uselibpqcompat=true' }],
  ])('answers UNAVAILABLE when %s', async (_reason, parts) => {
    const unreachable = createDatabase({ url: Object.assign(new URL(server.url), parts).href, log })
    expect(await outcomes(unreachable)).toEqual(all('UNAVAILABLE'))
    await unreachable.close()
  })

  it('can be closed repeatedly', async () => {
    await database.prisma.room.count()
    await Promise.all([database.close(), database.close()])
    await database.close()
  })
})

const eventOfNoRoom = {
  roomId: '01890000-0000-7000-8000-000000000000',
  seq: 1,
  type: 'room_created',
  data: {},
  at: new Date(),
} as const

describe('when the database', () => {
  let dataDir: string
  let server: DatabaseServer
  let database: Database

  beforeEach(async () => {
    dataDir = await makePreparedDataDir()
    server = await startEmbeddedServer({ dataDir, log })
    database = createDatabase({ url: server.url, log })
    await outcomes(database)
  })

  afterEach(async () => {
    await database.close()
    await server.stop()
  })

  /** Restarts the server on the same port, like an external server. */
  const restart = async () => {
    server = await startEmbeddedServer({ dataDir, log, settings: { port: new URL(server.url).port } })
  }

  it('is stopped, every operation is UNAVAILABLE until it is restarted', async () => {
    await server.stop()
    expect(await outcomes(database)).toEqual(all('UNAVAILABLE'))
    await restart()
    expect(await outcomes(database)).toEqual(all('OK'))
  })

  it.each(['SIGKILL', 'SIGQUIT'] as const)('is killed by %s, only operations in flight fail', async (signal) => {
    const running = [1, 2, 3].map(() => database.prisma.$queryRaw`SELECT 1 FROM pg_sleep(60)`)
    const endings = Promise.allSettled(running)
    await busyWith(3)
    await killServer(dataDir, signal)
    for (const ending of await endings) expect(ending).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
    // The supervisor restarts the server.
    await expect.poll(() => outcomes(database), { timeout: 20_000 }).toEqual(all('OK'))
  })

  async function busyWith(count: number): Promise<void> {
    const sleeping = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`
    while ((await query(server.url, sleeping)).length < count);
  }
})
