import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import pg from 'pg'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { SCRATCH } from './scratch.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** One server for the whole run, and in it a migrated database for tests to clone. */
    database: { adminUrl: string; template: string }
  }
}

/** Nobody needs a test's data after a power cut. */
const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  // The log of changes is as good as never read again, and takes memory.
  max_wal_size: '64MB',
  max_connections: '200',
}

/**
 * Starts the database server of this run, or takes that of TEST_DATABASE_URL, whose role must be able to make databases.
 *
 * @returns what vitest calls when all tests have ended
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = createLogger('warn')
  const given = process.env['TEST_DATABASE_URL']
  const server = given ? { url: given, stop: async () => undefined } : await startOwnServer()
  const template = `template_${randomBytes(6).toString('hex')}`
  await execute(server.url, `CREATE DATABASE ${template}`)
  const templateUrl = new URL(server.url)
  templateUrl.pathname = template
  await migrate(templateUrl.href, log)
  project.provide('database', { adminUrl: server.url, template })
  const skipped = join(tmpdir(), `rtc-skipped-${randomBytes(6).toString('hex')}`)
  await writeFile(skipped, '')
  project.provide('skipped', skipped)
  return async () => {
    await sayWhatWasSkipped(skipped)
    await execute(server.url, `DROP DATABASE ${template} WITH (FORCE)`)
    await server.stop()
  }
}

/** The last that a run says: nobody takes it for a run of every test. */
async function sayWhatWasSkipped(file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  await rm(file)
  if (lines.length === 0) return
  const reasons = [...new Set(lines)].map((line) => `  - ${line}`)
  console.warn(`\n*** SKIPPED, for this machine lacks something:\n${reasons.join('\n')}\n`)
}

async function startOwnServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(SCRATCH, 'rtc-test-'))
  const server = await startEmbeddedServer({ dataDir, log: createLogger('warn'), settings: FAST })
  return {
    url: server.url,
    async stop() {
      await server.stop()
      await rm(dataDir, { recursive: true })
    },
  }
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
