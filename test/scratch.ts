import { execFile } from 'node:child_process'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The directory of {@link makeDirectory}. */
    scratch: string
  }
}

/** An empty directory that lasts as long as the run. */
export const makeDirectory = (name: string): Promise<string> => mkdtemp(join(inject('scratch'), `${name}-`))

let prepared: Promise<string> | undefined

/**
 * Fills a data directory with a database server that was started, migrated and stopped: making one takes longer than
 * most tests, and is tested in `test/db/embedded.test.ts`.
 */
export async function copyPreparedData(dataDir: string): Promise<void> {
  // With its owners: for root, the server belongs to another user.
  await promisify(execFile)('cp', ['-a', `${await (prepared ??= prepareData())}/.`, dataDir])
}

async function prepareData(): Promise<string> {
  const log = createLogger('silent')
  const dataDir = join(inject('scratch'), `prepared-${process.pid}`)
  await mkdir(dataDir)
  const server = await startEmbeddedServer({ dataDir, log })
  await migrate(server.url, log)
  await server.stop()
  return dataDir
}
