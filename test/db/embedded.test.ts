import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { startEmbeddedServer, type DatabaseServer } from '../../src/db/embedded.ts'
import { hasEnded, killServer, makeDataDir, makePreparedDataDir, query, serverPid } from './data-dir.ts'

const log = createLogger('silent')
const servers: DatabaseServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

const start = async (dataDir: string) => {
  const server = await startEmbeddedServer({ dataDir, log })
  servers.push(server)
  return server
}

const setting = async (url: string, name: string) =>
  (await query<Record<string, string>>(url, `SHOW ${name}`))[0]?.[name]

describe('the embedded database server', () => {
  it('serves the application database on loopback only', async () => {
    const { url, adopted } = await start(await makeDataDir())
    expect(adopted).toBe(false)
    expect(new URL(url)).toMatchObject({ hostname: '127.0.0.1', pathname: '/rtc' })
    expect(await setting(url, 'listen_addresses')).toBe('127.0.0.1')
    expect(await setting(url, 'unix_socket_directories')).toBe('')
    expect(await setting(url, 'TimeZone')).toBe('UTC')
  })

  it('requires its password, which only the owner of the data can read', async () => {
    const dataDir = await makeDataDir()
    const url = new URL((await start(dataDir)).url)
    url.password = 'guess'
    await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700)
    expect((await stat(join(dataDir, 'postgres/password'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(dataDir, 'postgres.log'))).mode & 0o777).toBe(0o600)
  })

  it('creates its data directory without temporary files', async () => {
    const dataDir = join(await makeDataDir(), 'deep/with a space')
    const server = await start(dataDir)
    await server.stop()
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log'])
  })

  it('restarts faster than the first start, with its data', async () => {
    const dataDir = await makeDataDir()
    const madeAt = performance.now()
    const first = await start(dataDir)
    const making = performance.now() - madeAt
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await first.stop()
    const began = performance.now()
    const second = await start(dataDir)
    // Nothing is made again.
    expect(performance.now() - began).toBeLessThan(making)
    expect(second.adopted).toBe(false)
    expect(await query(second.url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }])
  })

  it('has exited after stop, which may be called repeatedly', async () => {
    const dataDir = await makePreparedDataDir()
    const server = await start(dataDir)
    const pid = await serverPid(dataDir)
    expect(await hasEnded(dataDir, pid)).toBe(false)
    await Promise.all([server.stop(), server.stop()])
    expect(await hasEnded(dataDir, pid)).toBe(true)
    await server.stop()
  })

  it('can be stopped after it has terminated all connections, and after it was killed', async () => {
    const dataDir = await makePreparedDataDir()
    const server = await start(dataDir)
    await query(server.url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()')
    await server.stop()
    await expect(query(server.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const next = await start(dataDir)
    await killServer(dataDir, 'SIGKILL')
    await next.stop()
  })

  it('reports the reason and the variables to set if it cannot run', async () => {
    const file = join(import.meta.dirname, 'embedded.test.ts')
    await expect(start(file)).rejects.toMatchObject({
      name: 'EmbeddedSetupError',
      message: expect.stringMatching(/^DATA_DIR: .*EEXIST|^DATA_DIR: /),
    })
  })

  it('reports the last output of a server that does not start', async () => {
    const dataDir = await makePreparedDataDir()
    const starting = startEmbeddedServer({ dataDir, log, settings: { no_such_setting: 'on' } })
    await expect(starting).rejects.toMatchObject({
      name: 'EmbeddedServerError',
      message: expect.stringMatching(/"no_such_setting"[^]*Set DATA_DIR .* or DATABASE_URL/),
    })
  })
})

describe('two gateways on one data directory', () => {
  it('share one server if they start at the same time', async () => {
    const dataDir = await makeDataDir()
    const [one, other] = await Promise.all([start(dataDir), start(dataDir)])
    expect(one.url).toBe(other.url)
    expect(one.adopted).not.toBe(other.adopted)
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log'])
  })

  it('stop the server only with the last of them', async () => {
    const dataDir = await makePreparedDataDir()
    const first = await start(dataDir)
    const second = await start(dataDir)
    await first.stop()
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await second.stop()
    await expect(query(second.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('may stop and start at the same time', async () => {
    const dataDir = await makePreparedDataDir()
    const first = await start(dataDir)
    const [, second] = await Promise.all([first.stop(), start(dataDir)])
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})
