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

/** Creates an empty directory, which is removed at the end of the run. */
export const makeDirectory = (name: string): Promise<string> => mkdtemp(join(inject('scratch'), `${name}-`))

let prepared: Promise<string> | undefined

/**
 * Copies the data of a migrated, stopped database server into a data directory. Creating it takes longer than most tests,
 * and is tested in `test/db/embedded.test.ts`.
 */
export async function copyPreparedData(dataDir: string): Promise<void> {
  // Preserves the owner: if the tests run as root, the server runs as another user.
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
