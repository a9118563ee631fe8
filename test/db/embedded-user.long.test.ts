import { spawnSync } from 'node:child_process'
import { chmod, chown, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { startEmbeddedServer } from '../../src/db/embedded.ts'
import { reportSkipped } from '../requirement.ts'
import { makeDataDir, query } from './data-dir.ts'
import { type Gateway, startGateway } from './gateway.ts'

const log = createLogger('silent')
const isRoot = process.getuid?.() === 0
if (!isRoot) reportSkipped('TESTS OF ROOT: only root can try how root runs the default database server')

const NOBODY = { uid: 65534, gid: 65534 }
const ROOT = join(import.meta.dirname, '../..')

/** Whether another user can run this Node.js on this tree at all: not below a home that only its owner can enter. */
const canBeAnybody =
  isRoot &&
  [
    ['-x', process.execPath],
    ['-r', join(ROOT, 'package.json')],
  ].every((check) => spawnSync('test', check, NOBODY).status === 0)
if (isRoot && !canBeAnybody) {
  reportSkipped('TESTS OF AN ORDINARY USER: this tree, or this Node.js, is where only root can enter')
}

/** Whether an ordinary user may make a user namespace; many containers forbid it. */
const mayNamespace = isRoot && spawnSync('unshare', ['--user', 'true'], NOBODY).status === 0

const expectWorking = async (gateway: Gateway) => {
  const report = await gateway.report
  expect(report).toMatchObject({ adopted: expect.any(Boolean) })
  if (report.error === undefined) expect(await query(report.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
}

describe.runIf(isRoot)('root', () => {
  it('gets a server in a directory that only root can enter', async () => {
    const dataDir = await makeDataDir()
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
    for (const adopted of [false, false]) {
      const server = await startEmbeddedServer({ dataDir, log })
      expect(server.adopted).toBe(adopted)
      expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
      await server.stop()
    }
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
  })

  it('gets a server in a directory that anybody can enter', async () => {
    const dataDir = await makeDataDir()
    await chmod(dataDir, 0o755)
    const server = await startEmbeddedServer({ dataDir, log })
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.stop()
  })

  it.runIf(canBeAnybody)('goes on with the data of another user, who can go on with it after that', async () => {
    const dataDir = await makeDataDir(NOBODY)
    const first = startGateway(dataDir, NOBODY)
    await expectWorking(first)
    await first.stop()
    const server = await startEmbeddedServer({ dataDir, log })
    await query(server.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await server.stop()
    const next = startGateway(dataDir, NOBODY)
    await expectWorking(next)
    await next.stop()
  })
})

describe.runIf(canBeAnybody)('an ordinary user', () => {
  it('gets a server in a directory of its own', async () => {
    const dataDir = await makeDataDir(NOBODY)
    const gateway = startGateway(dataDir, NOBODY)
    await expectWorking(gateway)
    const { uid, gid } = await stat(join(dataDir, 'postgres'))
    expect({ uid, gid }).toEqual(NOBODY)
    expect(await gateway.stop()).toBe(0)
  })

  it('adopts the server of a gateway of its own that was killed', async () => {
    const dataDir = await makeDataDir(NOBODY)
    const killed = startGateway(dataDir, NOBODY)
    await expectWorking(killed)
    await killed.kill()
    const next = startGateway(dataDir, NOBODY)
    expect(await next.report).toMatchObject({ adopted: true })
    expect(await next.stop()).toBe(0)
  })

  it('is told whose the data is when it is not its own', async () => {
    const dataDir = await makeDataDir()
    await (await startEmbeddedServer({ dataDir, log })).stop()
    await chown(dataDir, NOBODY.uid, NOBODY.gid)
    expect(await startGateway(dataDir, NOBODY).report).toMatchObject({
      error: expect.stringMatching(/belongs to the user with uid 0, .* uid 65534[^]*Set DATA_DIR .* or DATABASE_URL/),
    })
  })

  it('is told what to set when it may not write here', async () => {
    const dataDir = await makeDataDir()
    const { report } = startGateway(join(dataDir, 'data'), NOBODY)
    expect(await report).toMatchObject({ error: expect.stringMatching(/EACCES[^]*Set DATA_DIR .* or DATABASE_URL/) })
  })
})

// As OpenShift runs containers: a uid out of a range of its own, the group root.
describe.runIf(canBeAnybody)('a user without a name', () => {
  const NAMELESS = { uid: 1_000_690_000, gid: 0 }

  it('gets a server, or is told exactly what to do', async () => {
    const dataDir = await makeDataDir(NAMELESS)
    const gateway = startGateway(dataDir, NAMELESS)
    const report = await gateway.report
    if (report.error === undefined) {
      expect(mayNamespace).toBe(true)
      await expectWorking(gateway)
      expect(await gateway.stop()).toBe(0)
      const again = startGateway(dataDir, NAMELESS)
      await expectWorking(again)
      expect(await again.stop()).toBe(0)
    } else {
      expect(mayNamespace).toBe(false)
      expect(report.error).toMatch(/uid 1000690000 has no name[^]*"rtc:x:1000690000:0:.*\/etc\/passwd[^]*DATABASE_URL/)
    }
  })
})
