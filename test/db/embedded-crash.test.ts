import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { startEmbeddedServer } from '../../src/db/embedded.ts'
import { hasEnded, killServer, makePreparedDataDir, query, serverPid } from './data-dir.ts'
import { startGateway, urlOf } from './gateway.ts'

const log = createLogger('silent')

describe('after a gateway was killed', () => {
  it('the next one adopts its server with all data, and stops it when it stops itself', async () => {
    const dataDir = await makePreparedDataDir()
    const killed = startGateway(dataDir)
    const url = await urlOf(killed)
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await killed.kill()

    const next = await startEmbeddedServer({ dataDir, log })
    expect(next).toMatchObject({ adopted: true, url })
    expect(await query(url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }])
    await next.stop()
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('together with its server, the next one recovers the data', async () => {
    const dataDir = await makePreparedDataDir()
    const killed = startGateway(dataDir)
    await query(await urlOf(killed), 'CREATE TABLE kept AS SELECT 42 AS answer')
    await killed.kill()
    await killServer(dataDir, 'SIGKILL')

    const next = await startEmbeddedServer({ dataDir, log })
    expect(next.adopted).toBe(false)
    expect(await query(next.url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }])
    await next.stop()
  })
})

describe('a server that is killed under its gateway', () => {
  it('is restarted on the same port every time', async () => {
    const dataDir = await makePreparedDataDir()
    const { url, stop } = await startEmbeddedServer({ dataDir, log })
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    for (const signal of ['SIGKILL', 'SIGQUIT'] as const) {
      await killServer(dataDir, signal)
      await expect
        .poll(() => query(url, 'SELECT * FROM kept').catch(String), { timeout: 20_000 })
        .toEqual([{ answer: 42 }])
    }
    await stop()
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('a gateway in a terminal', () => {
  it('keeps its database running after Ctrl-C until it stops it itself', async () => {
    const dataDir = await makePreparedDataDir()
    const gateway = startGateway(dataDir)
    const url = await urlOf(gateway)
    const interrupted = once(gateway.process, 'message')
    process.kill(-(gateway.process.pid ?? 0), 'SIGINT')
    expect(await interrupted).toContain('interrupted')
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    const pid = await serverPid(dataDir)
    expect(await hasEnded(dataDir, pid)).toBe(false)
    expect(await gateway.stop()).toBe(0)
    expect(await hasEnded(dataDir, pid)).toBe(true)
  })
})
