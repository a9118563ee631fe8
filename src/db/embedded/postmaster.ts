import { execFile } from 'node:child_process'
import { readFile, readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A server that runs on a data directory, from its lock file. */
export type Postmaster =
  | { readonly pid: number; readonly ready: true; readonly port: number }
  /** Starting, recovering from a crash, or shutting down. */
  | { readonly pid: number; readonly ready: false }

/**
 * Finds the running server of a data directory.
 *
 * The lock file alone is no proof: it survives a crash, and its pid may have been reused by another program.
 *
 * @see https://www.postgresql.org/docs/18/storage-file-layout.html `postmaster.pid`
 */
export async function findPostmaster(dir: string): Promise<Postmaster | undefined> {
  const [pidLine, , , port, , , , status] = ((await readLock(dir)) ?? '').split('\n')
  const pid = Number(pidLine)
  if (!(pid > 1) || !(await isServerOf(dir, pid))) return undefined
  return status?.trim() === 'ready' ? { pid, ready: true, port: Number(port) } : { pid, ready: false }
}

/** Milliseconds after which an empty lock file is stale: a starting server writes it immediately after creating it. */
const STALE_AFTER = 1000

/**
 * Removes a lock file whose server has exited. PostgreSQL does so itself, unless another program or a zombie has the same
 * pid, or a full disk or a crash has left the file empty. If a server starts at the same time, PostgreSQL's shared memory
 * prevents a second one.
 */
export async function removeStaleLock(dir: string): Promise<void> {
  const lock = await readLock(dir)
  if (lock === undefined || (await findPostmaster(dir))) return
  if (lock === '') await untilStale(dir)
  if ((await readLock(dir)) === lock) await rm(lockFile(dir), { force: true })
}

/** Gives a server that has just created its lock file the time to write it. */
async function untilStale(dir: string): Promise<void> {
  const { mtimeMs } = await stat(lockFile(dir)).catch(() => ({ mtimeMs: 0 }))
  const left = STALE_AFTER - Math.max(0, Date.now() - mtimeMs)
  if (left > 0) await delay(left)
}

const lockFile = (dir: string): string => join(dir, 'postmaster.pid')

const readLock = (dir: string): Promise<string | undefined> => readFile(lockFile(dir), 'utf8').catch(() => undefined)

/** Whether a process is the server of a data directory, by its working directory. A zombie has none. */
export async function isServerOf(dir: string, pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    return (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) === dir
  }
  const command = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return command.stdout.includes(dir)
}
