import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, type TestDatabase } from '../database.ts'
import { query } from '../db/data-dir.ts'
import { freePort } from '../free-port.ts'
import { launchGateway } from '../process.ts'
import { SECRET } from '../world.ts'
import { type Release, unpackRelease } from './release.ts'
import { startTraffic, type Traffic } from './traffic.ts'

/** Lines of the log at the level `warn` and above, of either version. */
const WARNINGS = /^\{"level":(?:[456]0|"(?:warn|error|fatal)").*$/gm

/** Calls in each phase of the upgrade. */
const CALLS = 40

describe('a rolling upgrade from the previous release, under calls between the nodes', () => {
  let database: TestDatabase
  let previous: Release
  beforeAll(async () => {
    database = await createEmptyDatabase()
    previous = await unpackRelease()
  })
  afterAll(() => database?.drop())

  /** Starts this build, or `main`, and waits until it is ready. Does not read its log, whose format may change. */
  const start = async (main?: string) => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const env = {
      DATABASE_URL: database.url,
      JWT_SECRET: SECRET,
      HOST: '127.0.0.1',
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'warn',
    }
    const launch = launchGateway({ ...env, PORT: String(port) }, main === undefined ? {} : { main })
    onTestFinished(() => void launch.process.kill('SIGKILL'))
    // An error of a gateway names its cause in the log only.
    onTestFailed(() => console.error(launch.output().match(WARNINGS)?.join('\n') ?? `no warning at ${url}`))
    const status = () => fetch(`${url}/health/ready`).then((response) => response.status)
    await expect.poll(() => status().catch(() => launch.output()), { timeout: 60_000 }).toBe(200)
    return { url, ...launch }
  }
  const applied = async () => {
    const rows = await query(database.url, 'SELECT migration_name AS name FROM "_prisma_migrations" ORDER BY 1')
    return rows.map(({ name }) => String(name))
  }
  const more = async (traffic: Traffic) => {
    const before = traffic.completed()
    await expect.poll(() => traffic.completed(), { timeout: 60_000 }).toBeGreaterThanOrEqual(before + CALLS)
  }

  test('no call fails and no event is lost, whichever version a node has', { timeout: 240_000 }, async () => {
    const oldOne = await start(previous.main)
    const oldTwo = await start(previous.main)
    expect(await applied()).toEqual(previous.migrations)
    const traffic = await startTraffic([oldOne.url, oldTwo.url], { pairs: 4 })
    await more(traffic)

    // The first new node migrates while the previous release serves calls.
    const newOne = await start()
    const migrations = await applied()
    expect(migrations.length).toBeGreaterThan(previous.migrations.length)
    await more(traffic)
    traffic.use([oldOne.url, newOne.url])
    await more(traffic)

    // A node of the previous release can still restart, for example after a crash, and the upgrade can be taken back.
    const oldThree = await start(previous.main)
    expect(await applied()).toEqual(migrations)
    traffic.use([newOne.url, oldThree.url])
    await more(traffic)

    const newTwo = await start()
    traffic.use([newTwo.url, newOne.url])
    await more(traffic)
    await traffic.stop()

    for (const gateway of [oldOne, oldTwo, oldThree, newOne, newTwo]) {
      gateway.process.kill('SIGTERM')
      expect(await gateway.exited).toBe(0)
      // Warnings and errors of either version would mean that it stumbles over the other one's data.
      expect(gateway.output().match(WARNINGS)).toBeNull()
    }
    expect(await query(database.url, `SELECT id FROM "Room" WHERE status <> 'ended'`)).toEqual([])
    // Calls of the previous release, which rang at a device of a node of this version.
    const reached = `SELECT FROM "RoomEvent" changed JOIN "RoomEvent" created USING ("roomId")
      WHERE created.seq = 1 AND NOT created.data -> 'room' ? 'reach' AND changed.data -> 'room' ->> 'reach' = 'connected'`
    expect((await query(database.url, reached)).length).toBeGreaterThan(0)
  })
})
