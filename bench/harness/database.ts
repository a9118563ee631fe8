import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { built } from './built.ts'
import { SEATED } from './seed.ts'

/** The embedded PostgreSQL in its own directory, shared by all servers of a run. */
export interface Database {
  readonly url: string
  /** PostgreSQL's version. */
  readonly version: string
  query(sql: string, values?: readonly unknown[]): Promise<void>
  /** The id of a new active group whose members have all joined: `<prefix>-0`, `<prefix>-1`, … */
  seatGroup(prefix: string, members: number): Promise<string>
  close(): Promise<void>
}

/** @param root - the directory of the gateway whose migrations are applied. @default this one's */
export async function startDatabase(root?: URL): Promise<Database> {
  const { startEmbeddedServer } = await built<typeof import('../../src/db/embedded.ts')>('db/embedded')
  const { migrate } = await built<typeof import('../../src/db/migrate.ts')>('db/migrate', root)
  const { createLogger } = await built<typeof import('../../src/core/logger.ts')>('core/logger')
  const log = createLogger('error')
  const dataDir = await mkdtemp(join(tmpdir(), 'rtc-bench-'))
  const server = await startEmbeddedServer({ dataDir, log })
  const stop = async () => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    await migrate(server.url, log)
    const client = new pg.Client(server.url)
    await client.connect()
    const version = await client.query<{ server_version: string }>('SHOW server_version')
    return {
      url: server.url,
      version: version.rows[0]?.server_version ?? 'unknown',
      async query(sql, values = []) {
        await client.query(sql, [...values])
      },
      async seatGroup(prefix, members) {
        const { rows } = await client.query<{ id: string }>(SEATED, [prefix, members])
        const [group] = rows
        if (!group) throw new Error('the group was not written')
        return group.id
      },
      async close() {
        await client.end()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}
