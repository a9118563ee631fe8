import { expect, it } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { createDatabase } from '../../src/db/client.ts'
import { startEmbeddedServer } from '../../src/db/embedded.ts'
import { createTestDatabase } from '../database.ts'
import { makePreparedDataDir, query, serverPid } from './data-dir.ts'
import { all, outcomes, UNAVAILABLE } from './outcomes.ts'

const log = createLogger('silent')

it('a database client aborts statements that take too long, and operations that wait for their connection', async () => {
  const server = await createTestDatabase()
  const database = createDatabase({ url: server.url, log })
  const slow = Array.from({ length: 10 }, () => database.prisma.$queryRaw`SELECT 1 FROM pg_sleep(60)`)
  const endings = Promise.allSettled([...slow, database.prisma.room.count()])
  for (const ending of await endings) expect(ending).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
  expect(await outcomes(database)).toEqual(all('OK'))
  await database.close()
  await server.drop()
})

it('every operation is UNAVAILABLE within 5 seconds while the database is unresponsive, and recovers with it', async () => {
  const dataDir = await makePreparedDataDir()
  const server = await startEmbeddedServer({ dataDir, log })
  const database = createDatabase({ url: server.url, log })
  await outcomes(database)
  const postmaster = await serverPid(dataDir)
  const backends = await query<{ pid: number }>(
    server.url,
    'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
  )
  const frozen = [postmaster, ...backends.map(({ pid }) => pid)]
  for (const pid of frozen) process.kill(pid, 'SIGSTOP')
  try {
    expect(await outcomes(database)).toEqual(all('UNAVAILABLE'))
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT')
  }
  expect(await outcomes(database)).toEqual(all('OK'))
  await database.close()
  await server.stop()
})
