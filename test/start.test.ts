import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, type TestDatabase } from './database.ts'
import { query } from './db/data-dir.ts'
import { launchGateway, runGateway, startGateway } from './process.ts'
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

/** A port at which connections break off `times` times, before they reach the server of a URL. */
async function unwilling(target: string, times: number): Promise<string> {
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
  test('is waited for, which is said', async () => {
    const gateway = await startGateway(envFor(await unwilling(database.url, 3)))
    expect(gateway.output()).toContain('waiting for the database')
    expect(await gateway.stop('SIGTERM')).toBe(0)
  })

  test('is not waited for when the gateway is told to stop', async () => {
    const url = Object.assign(new URL(database.url), { host: 'localhost:1' })
    const gateway = launchGateway(envFor(url, { DATABASE_WAIT: '3600' }))
    await gateway.printed(/waiting for the database/)
    gateway.process.kill('SIGTERM')
    expect(await gateway.exited).toBe(0)
  })
})

describe('a DATABASE_URL that does not lead to a database is one sentence', () => {
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

describe('the migration lock', () => {
  const LOCK = 72_707_369

  test('that somebody holds is said with who it is, and SIGTERM ends the wait at once', async () => {
    const holder = new pg.Client({ connectionString: database.url, application_name: 'somebody else' })
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock($1)', [LOCK])
    const gateway = launchGateway(envFor(database.url))
    await gateway.printed(/"application":"somebody else".*waiting for the migration lock/)
    gateway.process.kill('SIGTERM')
    expect(await gateway.exited).toBe(0)
    await holder.end()
  })

  test('is released with the migrations, not with the connection', async () => {
    const gateway = await startGateway(envFor(database.url))
    expect(await query(database.url, `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK}`)).toEqual(
      [],
    )
    await gateway.stop('SIGTERM')
  })
})

test('?schema= holds the tables of the gateway, beside those of others', async () => {
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

test('in production, a gateway without TURN says so', async () => {
  const gateway = launchGateway(envFor(database.url, { NODE_ENV: 'production' }))
  await gateway.printed(/TURN_URLS is not set/)
  gateway.process.kill('SIGTERM')
  expect(await gateway.exited).toBe(0)
})
