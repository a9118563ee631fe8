import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEmptyDatabase, type TestDatabase } from '../database.ts'
import { runGateway, startGateway } from '../process.ts'
import { createPerson, SECRET } from '../world.ts'
import { mintToken } from '../../src/auth/development.ts'
import { query } from './data-dir.ts'
import { type Pooler, poolerTests, startPgBouncer } from './pgbouncer.ts'

describe.runIf(poolerTests)('behind PgBouncer', () => {
  let database: TestDatabase
  let pooler: Pooler | undefined

  beforeEach(async () => {
    database = await createEmptyDatabase()
    const name = new URL(database.url).pathname.slice(1)
    await query(database.url, `ALTER DATABASE ${name} SET timezone = 'Asia/Kathmandu'`)
    await query(database.url, `ALTER DATABASE ${name} SET datestyle = 'German'`)
  })

  afterEach(async () => {
    await pooler?.stop()
    pooler = undefined
    await database.drop()
  })

  test('the gateway works with session pooling, with correct timers in any time zone of the database', async () => {
    pooler = await startPgBouncer(database.url, { pool_mode: 'session' })
    const gateway = await startGateway({ DATABASE_URL: pooler.url, JWT_SECRET: SECRET, RING_TIMEOUT: '1' })
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200)
    const now = new Date()
    const token = await mintToken({ secret: SECRET, userId: 'alice', ttl: 3600, now })
    const alice = createPerson(gateway.url, 'alice', token)
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect(Math.abs(Date.parse(room.createdAt) - now.getTime())).toBeLessThan(60_000)
    await expect
      .poll(async () => (await alice.rest('GET', `/rooms/${room.id}`)).body, { timeout: 15_000 })
      .toMatchObject({ status: 'ended', endReason: 'missed' })
    const locks = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369`
    expect(await query(database.url, locks)).toEqual([])
    expect(await gateway.stop('SIGTERM')).toBe(0)
  })

  test.each(['transaction', 'statement'])('%s pooling fails the start with one sentence', async (pool_mode) => {
    pooler = await startPgBouncer(database.url, { pool_mode })
    const { code, stderr } = await runGateway({ DATABASE_URL: pooler.url, JWT_SECRET: SECRET })
    expect([code, stderr.trim().split('\n')]).toEqual([
      1,
      [expect.stringMatching(/^DATABASE_URL: the pooler .* pool_mode = session/)],
    ])
  })
})
