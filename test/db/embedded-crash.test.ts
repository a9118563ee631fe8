import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createLog } from '../../src/core/log.ts'
import { startEmbeddedServer } from '../../src/db/embedded.ts'
import { hasEnded, killServer, makeDataDir, query, serverPid, waitUntil } from './data-dir.ts'
import { type Gateway, startGateway } from './gateway.ts'

const log = createLog('silent')

const urlOf = async ({ report }: Gateway): Promise<string> => {
  const result = await report
  if (result.error !== undefined) throw new Error(result.error)
  return result.url
}

describe('after a gateway was killed', () => {
  it('the next one adopts its server, with everything in it, and stops it at its own end', async () => {
    const dataDir = await makeDataDir()
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

  it('and its server with it, the next one recovers the data', async () => {
    const dataDir = await makeDataDir()
    const killed = startGateway(dataDir)
    await query(await urlOf(killed), 'CREATE TABLE kept AS SELECT 42 AS answer')
    await killed.kill()
    await killServer(dataDir, 'SIGKILL')

    const next = await startEmbeddedServer({ dataDir, log })
    expect(next.adopted).toBe(false)
    expect(await query(next.url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }])
    await next.stop()
  })

  it('while it made its database, the next one makes it anew and leaves nothing of the old', async () => {
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

describe('a lock file that tells of a server which is no more does not stop a start', () => {
  const others: ChildProcess[] = []

  afterEach(() => {
    for (const other of others.splice(0)) other.kill('SIGKILL')
  })

  /** A data directory as a crash leaves it, except that somebody else has the pid by now. */
  const crashedDataDir = async (pid: number) => {
    const dataDir = await makeDataDir()
    const { url } = await startEmbeddedServer({ dataDir, log })
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    const lock = await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')
    await killServer(dataDir, 'SIGKILL')
    await writeFile(join(dataDir, 'postgres/postmaster.pid'), lock.replace(/^\d+/, String(pid)))
    return dataDir
  }

  const expectStart = async (dataDir: string) => {
    const { url, adopted, stop } = await startEmbeddedServer({ dataDir, log })
    expect(adopted).toBe(false)
    expect(await query(url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }])
    await stop()
  }

  it('when nobody has its pid', async () => {
    const gone = spawn('true')
    await once(gone, 'exit')
    await expectStart(await crashedDataDir(gone.pid ?? 0))
  })

  it('when another program has its pid, which is left in peace', async () => {
    const program = spawn('sleep', ['1000'])
    others.push(program)
    await expectStart(await crashedDataDir(program.pid ?? 0))
    expect(program.signalCode ?? program.exitCode).toBeNull()
  })

  it('when a zombie has its pid', async () => {
    // The shell becomes `sleep`, which does not know that it has a child to bury.
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

describe('a gateway in a terminal', () => {
  it('keeps its database through Ctrl-C, until it stops it itself and ends', async () => {
    const dataDir = await makeDataDir()
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
