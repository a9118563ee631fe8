import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { startEmbeddedServer } from '../../src/db/embedded.ts'
import { findPostmaster } from '../../src/db/embedded/postmaster.ts'
import { killServer, makeDataDir, makePreparedDataDir, query, waitUntil } from './data-dir.ts'
import { startGateway, urlOf } from './gateway.ts'

const log = createLogger('silent')

describe('after a gateway was killed', () => {
  it('while it created its database, the next one creates it anew and removes the incomplete data', async () => {
    const dataDir = await makeDataDir()
    const killed = startGateway(dataDir)
    await waitUntil(async () => {
      const staged = (await readdir(dataDir)).find((name) => name.startsWith('postgres.new-'))
      return staged !== undefined && (await readdir(join(dataDir, staged)).catch((): string[] => [])).includes('data')
    })
    await killed.kill()

    const next = await startEmbeddedServer({ dataDir, log })
    expect(await query(next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await next.stop()
    await (await startEmbeddedServer({ dataDir, log })).stop()
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log'])
  })
})

describe('a stale lock file does not prevent a start', () => {
  const others: ChildProcess[] = []

  afterEach(() => {
    for (const other of others.splice(0)) other.kill('SIGKILL')
  })

  /** A data directory after a crash, whose lock file contains another pid or, without one, is empty. */
  const crashedDataDir = async (pid?: number) => {
    const dataDir = await makePreparedDataDir()
    const gateway = startGateway(dataDir)
    await query(await urlOf(gateway), 'CREATE TABLE kept AS SELECT 42 AS answer')
    const lock = await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')
    await gateway.kill()
    await killServer(dataDir, 'SIGKILL')
    await writeFile(
      join(dataDir, 'postgres/postmaster.pid'),
      pid === undefined ? '' : lock.replace(/^\d+/, String(pid)),
    )
    return dataDir
  }

  const expectStart = async (dataDir: string) => {
    const { url, adopted, stop } = await startEmbeddedServer({ dataDir, log })
    expect(adopted).toBe(false)
    expect(await query(url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }])
    await stop()
  }

  it('when no process has its pid', async () => {
    const gone = spawn('true')
    await once(gone, 'exit')
    await expectStart(await crashedDataDir(gone.pid ?? 0))
  })

  it('when it is empty', async () => {
    await expectStart(await crashedDataDir())
  })

  it('when another program has its pid, which is not killed', async () => {
    const program = spawn('sleep', ['1000'])
    others.push(program)
    await expectStart(await crashedDataDir(program.pid ?? 0))
    expect(program.signalCode ?? program.exitCode).toBeNull()
  })

  it('when a zombie has its pid', async () => {
    // The shell becomes `sleep`, which never reaps its child.
    const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'])
    others.push(parent)
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const zombie = Number(line.toString())
    await waitUntil(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')).startsWith('sleep'))
    process.kill(zombie, 'SIGKILL')
    await waitUntil(async () => (await readFile(`/proc/${zombie}/stat`, 'utf8')).includes(') Z '))
    await expectStart(await crashedDataDir(zombie))
  })
})

describe('a server that is killed under its gateway', () => {
  it('is restarted once for two gateways that share it', async () => {
    const dataDir = await makePreparedDataDir()
    const first = await startEmbeddedServer({ dataDir, log })
    const second = await startEmbeddedServer({ dataDir, log })
    await killServer(dataDir, 'SIGKILL')
    const isServed = () => query(first.url, 'SELECT 1 AS one').catch(String)
    await expect.poll(isServed, { timeout: 20_000 }).toEqual([{ one: 1 }])
    await expect.poll(() => leases(first.url), { timeout: 20_000 }).toBe(2)
    await first.stop()
    expect(await isServed()).toEqual([{ one: 1 }])
    await second.stop()
    expect(await isServed()).toMatch('ECONNREFUSED')
  })

  it('does not prevent its gateway from stopping during the restart', async () => {
    const dataDir = await makePreparedDataDir()
    const { url, stop } = await startEmbeddedServer({ dataDir, log })
    await killServer(dataDir, 'SIGKILL')
    await stop()
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await findPostmaster(join(dataDir, 'postgres'))).toBeUndefined()
  })
})

/** The number of gateways with a lease on a server. */
const leases = async (url: string): Promise<number> => {
  const admin = Object.assign(new URL(url), { pathname: '/postgres' }).href
  const rows = await query(admin, `SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'`)
  return rows.length
}

describe('an aborted start', () => {
  it('leaves no server running', async () => {
    const dataDir = await makePreparedDataDir()
    const stop = new AbortController()
    const starting = startEmbeddedServer({ dataDir, log, signal: stop.signal })
    // The start may complete before the signal.
    const ended = starting.then((server) => server.stop(), String)
    // The lock file is the first file that a server creates.
    await waitUntil(async () => (await readdir(join(dataDir, 'postgres'))).includes('postmaster.pid'))
    stop.abort('SIGTERM')
    expect([undefined, 'SIGTERM']).toContain(await ended)
    expect(await findPostmaster(join(dataDir, 'postgres'))).toBeUndefined()
  })
})

describe('a start with a wrong password', () => {
  it('leaves no server running', async () => {
    const dataDir = await makePreparedDataDir()
    await writeFile(join(dataDir, 'postgres/password'), 'guess')
    await expect(startEmbeddedServer({ dataDir, log })).rejects.toMatchObject({
      name: 'EmbeddedServerError',
      message: expect.stringContaining('refuses the password'),
    })
    expect(await findPostmaster(join(dataDir, 'postgres'))).toBeUndefined()
  })
})
