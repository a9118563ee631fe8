import { chown, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { onTestFinished, vi } from 'vitest'
import { findPostmaster, isServerOf } from '../../src/db/embedded/postmaster.ts'
import { copyPreparedData, makeDirectory } from '../scratch.ts'

/** A new directory of mode 700, removed after the test together with any server that still runs on it. */
export async function makeDataDir(owner?: { uid: number; gid: number }): Promise<string> {
  const dir = await makeDirectory('data')
  if (owner) await chown(dir, owner.uid, owner.gid)
  onTestFinished(() => removeDataDir(dir))
  return dir
}

/** The same, with the database of a stopped gateway. */
export async function makePreparedDataDir(): Promise<string> {
  const dir = await makeDataDir()
  await copyPreparedData(dir)
  return dir
}

async function removeDataDir(dataDir: string): Promise<void> {
  await killServer(dataDir, 'SIGQUIT')
  await rm(dataDir, { recursive: true, maxRetries: 5 })
}

/** Kills a server like a crash, and waits until it has exited. */
export async function killServer(dataDir: string, signal: 'SIGKILL' | 'SIGQUIT'): Promise<void> {
  const server = await findPostmaster(join(dataDir, 'postgres'))
  if (!server) return
  process.kill(server.pid, signal)
  await waitUntil(() => hasEnded(dataDir, server.pid))
}

/** Whether a process is no longer the server of a data directory; a zombie counts as ended. */
export async function hasEnded(dataDir: string, pid: number): Promise<boolean> {
  return !(await isServerOf(join(dataDir, 'postgres'), pid))
}

/** The process id in the lock file. */
export async function serverPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0])
}

export async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

export async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => {
    if (!(await condition())) throw new Error(`condition not met: ${condition.toString()}`)
  }, 10_000)
}
