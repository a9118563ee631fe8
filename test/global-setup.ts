import { existsSync, statfsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import pg from 'pg'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The database server of the run, and the migrated database that tests clone. */
    database: { adminUrl: string; template: string }
  }
}

/** Settings without durability, which test data does not need. */
const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  // The write-ahead log is hardly ever read again, and takes memory.
  max_wal_size: '64MB',
  max_connections: '200',
}

/**
 * Starts the database server of this run, or uses that of TEST_DATABASE_URL, whose role must be able to create databases.
 *
 * @returns the teardown, which vitest calls after all tests
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = createLogger('warn')
  const given = process.env['TEST_DATABASE_URL']
  const scratch = await makeScratch()
  const server = given
    ? { url: given, stop: async () => undefined }
    : await startEmbeddedServer({ dataDir: scratch, log, settings: FAST })
  const template = `template_${randomBytes(6).toString('hex')}`
  await execute(server.url, `CREATE DATABASE ${template}`)
  const templateUrl = new URL(server.url)
  templateUrl.pathname = template
  await migrate(templateUrl.href, log)
  project.provide('database', { adminUrl: server.url, template })
  project.provide('scratch', scratch)
  const skipped = join(scratch, 'skipped')
  await writeFile(skipped, '')
  project.provide('skipped', skipped)
  return async () => {
    await reportSkippedTests(skipped)
    await execute(server.url, `DROP DATABASE ${template} WITH (FORCE)`)
    await server.stop()
    await rm(scratch, { recursive: true, maxRetries: 5 })
  }
}

/** Bytes that the tests' databases need at most, with a margin. */
const SCRATCH_NEEDED = 2 * 1024 ** 3

/**
 * Creates the directory of the run's databases, in memory if there is enough: PostgreSQL creates and removes hundreds of
 * files per database, which is several times slower on a disk.
 */
async function makeScratch(): Promise<string> {
  const scratch = await mkdtemp(join(freeBytes('/dev/shm') >= SCRATCH_NEEDED ? '/dev/shm' : tmpdir(), 'rtc-test-'))
  // Tests also run servers as other users.
  await chmod(scratch, 0o755)
  return scratch
}

function freeBytes(path: string): number {
  if (!existsSync(path)) return 0
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Prints the skipped tests at the end of the run. */
async function reportSkippedTests(file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  if (lines.length === 0) return
  const reasons = [...new Set(lines)].map((line) => `  - ${line}`)
  console.warn(`\n*** SKIPPED, because requirements are missing on this machine:\n${reasons.join('\n')}\n`)
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
