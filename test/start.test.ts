import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../src/core/logger.ts'
import { awaitDatabase } from '../src/db/await-database.ts'
import { createDatabase } from '../src/db/client.ts'
import { migrate } from '../src/db/migrate.ts'
import { renumberRestored } from '../src/delivery/restored.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from './database.ts'
import { query } from './db/data-dir.ts'
import { launchGateway, runGateway, startGateway, withDirectory } from './process.ts'
import { SECRET } from './world.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createEmptyDatabase()
})
afterEach(() => database.drop())

const envFor = (url: URL | string, more: Record<string, string> = {}) => ({
  DATABASE_URL: String(url),
  JWT_SECRET: SECRET,
  ...more,
})

/** A proxy to the server of a URL that drops the first `times` connections. */
async function droppingProxy(target: string, times: number): Promise<string> {
  let left = times
  const { hostname, port } = new URL(target)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    if (left-- > 0) {
      socket.destroy()
      return
    }
    const upstream = connect(Number(port), hostname)
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  return Object.assign(new URL(target), { host: `127.0.0.1:${(server.address() as AddressInfo).port}` }).href
}

describe('a database that is not up yet', () => {
  test('is waited for, with a log entry', async () => {
    const gateway = await startGateway(envFor(await droppingProxy(database.url, 3)))
    expect(gateway.output()).toContain('waiting for the database')
    expect(await gateway.stop('SIGTERM')).toBe(0)
  })

  test('is not waited for after SIGTERM', async () => {
    const url = Object.assign(new URL(database.url), { host: 'localhost:1' })
    const gateway = launchGateway(envFor(url, { DATABASE_WAIT: '3600' }))
    await gateway.printed(/waiting for the database/)
    gateway.process.kill('SIGTERM')
    expect(await gateway.exited).toBe(0)
  })
})

describe('a DATABASE_URL that cannot be used fails the start with one sentence', () => {
  test.each<[string, Partial<URL>, RegExp]>([
    ['nobody listens', { host: 'localhost:1' }, /cannot be reached.*DATABASE_WAIT/],
    ['the host is unknown', { host: 'database.invalid' }, /cannot be reached.*DATABASE_WAIT/],
    ['the password is wrong', { password: 'guess' }, /password authentication failed/],
    ['there is no such database', { pathname: '/nowhere' }, /"nowhere" does not exist/],
    ['the server speaks no TLS', { search: '?sslmode=require&uselibpqcompat=true' }, /SSL/],
  ])('when %s', async (_, parts, sentence) => {
    const env = envFor(Object.assign(new URL(database.url), parts), { DATABASE_WAIT: '1', LOG_LEVEL: 'silent' })
    const { code, stderr } = await runGateway(env)
    expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/^DATABASE_URL: /)]])
    expect(stderr).toMatch(sentence)
    expect(stderr).not.toContain('guess')
  })
})

describe('a start that fails reports one sentence that names the variable', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    ['HOST is not an address of this machine', { HOST: '192.0.2.1' }, /^HOST: 192\.0\.2\.1 is not an address/],
    ['HOST cannot be resolved', { HOST: 'gateway.invalid' }, /^HOST: the gateway cannot listen on gateway\.invalid/],
  ])('when %s', async (_, env, sentence) => {
    const { code, stderr } = await runGateway(envFor(database.url, { LOG_LEVEL: 'silent', ...env }))
    expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(sentence)]])
  })

  test('when DATA_DIR cannot be written', async () => {
    await withDirectory(async (directory) => {
      await writeFile(`${directory}/file`, '')
      const env = { JWT_SECRET: SECRET, DATA_DIR: `${directory}/file/data`, LOG_LEVEL: 'silent' }
      const { code, stderr } = await runGateway(env)
      expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/^DATA_DIR: .* cannot be written/)]])
    })
  })

  test('when DATA_DIR is in a file system without new directories', async () => {
    const env = { JWT_SECRET: SECRET, DATA_DIR: '/proc/rtc/data', LOG_LEVEL: 'silent' }
    const { code, stderr } = await runGateway(env)
    expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/^DATA_DIR: .* cannot be written/)]])
  })

  test('when the role may not create tables', async () => {
    await query(database.url, 'CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC')
    try {
      const url = Object.assign(new URL(database.url), { search: '?options=-crole%3Dreader' })
      const { code, stderr } = await runGateway(envFor(url, { LOG_LEVEL: 'silent' }))
      expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/DATABASE_URL needs CREATE/)]])
    } finally {
      await query(database.url, 'DROP ROLE reader')
    }
  })
})

test('an issuer that cannot be reached is reported, and the gateway waits for it', async () => {
  const env = envFor(database.url, { JWT_SECRET: '', JWKS_URL: 'http://127.0.0.1:1/jwks.json' })
  const gateway = launchGateway(env)
  await gateway.printed(/"cause":"key_set_unreachable".*JWKS_URL cannot be reached/)
  gateway.process.kill('SIGTERM')
  expect(await gateway.exited).toBe(0)
})

describe('the migration lock', () => {
  const LOCK = 72_707_369

  test('is logged with its holder while the gateway waits, and SIGTERM ends the wait immediately', async () => {
    const holder = new pg.Client({ connectionString: database.url, application_name: 'somebody else' })
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock($1)', [LOCK])
    const gateway = launchGateway(envFor(database.url))
    await gateway.printed(/"application":"somebody else".*waiting for the migration lock/)
    gateway.process.kill('SIGTERM')
    expect(await gateway.exited).toBe(0)
    await holder.end()
  })

  test('is not waited for if the database has all migrations', async () => {
    const migrated = await createTestDatabase()
    const holder = new pg.Client({ connectionString: migrated.url })
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock($1)', [LOCK])
    const gateway = await startGateway(envFor(migrated.url))
    expect(gateway.output()).not.toContain('waiting for the migration lock')
    expect(await gateway.stop('SIGTERM')).toBe(0)
    await holder.end()
    await migrated.drop()
  })

  test('is released after the migrations, not with the connection', async () => {
    const gateway = await startGateway(envFor(database.url))
    expect(await query(database.url, `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK}`)).toEqual(
      [],
    )
    await gateway.stop('SIGTERM')
  })
})

test('a database that has all migrations is checked by four connections and 13 statements', async () => {
  const { url, drop } = await createTestDatabase()
  const log = createLogger('silent')
  const connect = vi.spyOn(pg.Client.prototype, 'connect')
  const query = vi.spyOn(pg.Client.prototype, 'query')
  const work = async (step: () => Promise<unknown>) => {
    connect.mockClear()
    query.mockClear()
    await step()
    return { connections: connect.mock.calls.length, statements: query.mock.calls.length }
  }
  const { statements, close } = createDatabase({ url, log })
  try {
    const signal = new AbortController().signal
    expect(await work(() => awaitDatabase({ url, wait: 0, signal, log }))).toEqual({ connections: 2, statements: 6 })
    expect(await work(() => migrate(url, log))).toEqual({ connections: 1, statements: 4 })
    // On the connection that the first request uses, too.
    const checked = await work(() => renumberRestored({ databaseUrl: url, statements, log }))
    expect(checked).toEqual({ connections: 1, statements: 3 })
  } finally {
    connect.mockRestore()
    query.mockRestore()
    await close()
    await drop()
  }
})

test('creates its tables in the schema of ?schema=', async () => {
  const url = new URL(database.url)
  url.searchParams.set('schema', 'rtc rooms')
  const gateway = await startGateway(envFor(url))
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200)
  expect(await gateway.stop('SIGTERM')).toBe(0)
  const schemas = await query(
    database.url,
    `SELECT DISTINCT table_schema AS name FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`,
  )
  expect(schemas).toEqual([{ name: 'rtc rooms' }])
})

test('says once which room control of a configured provider is not configured', async () => {
  const livekit = { LIVEKIT_URL: 'wss://livekit.example', LIVEKIT_API_KEY: 'key', LIVEKIT_API_SECRET: 'secret' }
  const tencent = { TENCENT_SDK_APP_ID: '1400000000', TENCENT_SECRET: 'secret' }
  const control = { TENCENT_SECRET_ID: 'id', TENCENT_SECRET_KEY: 'key' }
  const gateway = launchGateway(envFor(database.url, { ...livekit, ...tencent, ...control }))
  await gateway.printed(/livekit until they leave it: room control requires LIVEKIT_CONTROL_API_KEY/)
  gateway.process.kill('SIGTERM')
  expect(await gateway.exited).toBe(0)
  expect(gateway.output().match(/room control requires/g)).toHaveLength(1)
})

test('warns in production if TURN is not configured', async () => {
  const gateway = launchGateway(envFor(database.url, { NODE_ENV: 'production' }))
  await gateway.printed(/TURN_URLS is not set/)
  gateway.process.kill('SIGTERM')
  expect(await gateway.exited).toBe(0)
})
