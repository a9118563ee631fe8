import type { Configuration } from '../config.ts'
import type { Lifecycle } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { awaitDatabase } from '../db/await-database.ts'
import { type DatabaseServer, startEmbeddedServer } from '../db/embedded.ts'

export interface OpenDatabase {
  readonly url: string
  /** Absent with DATABASE_URL. */
  readonly embedded?: DatabaseServer
}

interface OpenOptions {
  /** Stops the embedded server. */
  readonly lifecycle: Lifecycle
  readonly stop: AbortSignal
  readonly log: Logger
}

/**
 * Waits for the database of DATABASE_URL, or starts the embedded server.
 *
 * @throws DatabaseUrlError, EmbeddedServerError or EmbeddedSetupError
 */
export async function openDatabase(
  { config, secrets }: Configuration,
  { lifecycle, stop, log }: OpenOptions,
): Promise<OpenDatabase> {
  if (secrets.databaseUrl !== undefined) {
    await awaitDatabase({ url: secrets.databaseUrl, wait: config.databaseWait, signal: stop, log })
    return { url: secrets.databaseUrl }
  }
  const embedded = await startEmbeddedServer({ dataDir: config.dataDir, log, signal: stop })
  lifecycle.add(embedded, { name: 'embedded server', stop: () => embedded.stop() })
  return { url: embedded.url, embedded }
}
