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
if (!isRoot) reportSkipped('TESTS OF ROOT: they require root')

const NOBODY = { uid: 65534, gid: 65534 }
const ROOT = join(import.meta.dirname, '../..')

/** Whether another user can run this Node.js on this tree, which is impossible below a private home directory. */
const canSwitchUser =
  isRoot &&
  [
    ['-x', process.execPath],
    ['-r', join(ROOT, 'package.json')],
  ].every((check) => spawnSync('test', check, NOBODY).status === 0)
if (isRoot && !canSwitchUser) {
  reportSkipped('TESTS OF AN ORDINARY USER: only root can access this tree or this Node.js')
}

/** Whether an ordinary user may create a user namespace; many containers forbid it. */
const mayNamespace = isRoot && spawnSync('unshare', ['--user', 'true'], NOBODY).status === 0

const expectWorking = async (gateway: Gateway) => {
  const report = await gateway.report
  expect(report).toMatchObject({ adopted: expect.any(Boolean) })
  if (report.error === undefined) expect(await query(report.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
}

describe.runIf(isRoot)('root', () => {
  it('can start a server in a directory that only root can access', async () => {
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

  it('can start a server in a directory that every user can access', async () => {
    const dataDir = await makeDataDir()
    await chmod(dataDir, 0o755)
    const server = await startEmbeddedServer({ dataDir, log })
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.stop()
  })

  it.runIf(canSwitchUser)('can use the data of another user, who can still use it afterwards', async () => {
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

describe.runIf(canSwitchUser)('an ordinary user', () => {
  it('can start a server in a directory of its own', async () => {
    const dataDir = await makeDataDir(NOBODY)
    const gateway = startGateway(dataDir, NOBODY)
    await expectWorking(gateway)
    const { uid, gid } = await stat(join(dataDir, 'postgres'))
    expect({ uid, gid }).toEqual(NOBODY)
    expect(await gateway.stop()).toBe(0)
  })

  it('adopts the server of its own killed gateway', async () => {
    const dataDir = await makeDataDir(NOBODY)
    const killed = startGateway(dataDir, NOBODY)
    await expectWorking(killed)
    await killed.kill()
    const next = startGateway(dataDir, NOBODY)
    expect(await next.report).toMatchObject({ adopted: true })
    expect(await next.stop()).toBe(0)
  })

  it('gets an error with the owner if the data belongs to another user', async () => {
    const dataDir = await makeDataDir()
    await (await startEmbeddedServer({ dataDir, log })).stop()
    await chown(dataDir, NOBODY.uid, NOBODY.gid)
    expect(await startGateway(dataDir, NOBODY).report).toMatchObject({
      error: expect.stringMatching(/belongs to the user with uid 0, .* uid 65534[^]*Set DATA_DIR .* or DATABASE_URL/),
    })
  })

  it('gets an error with the variables to set if the directory is not writable', async () => {
    const dataDir = await makeDataDir()
    const { report } = startGateway(join(dataDir, 'data'), NOBODY)
    expect(await report).toMatchObject({ error: expect.stringMatching(/DATA_DIR: .*EACCES.* or set DATABASE_URL/) })
  })
})

// Like a container in OpenShift: an arbitrary uid, and the group root.
describe.runIf(canSwitchUser)('a user without a name', () => {
  const NAMELESS = { uid: 1_000_690_000, gid: 0 }

  it('can start a server, or gets an error with the exact solution', async () => {
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
