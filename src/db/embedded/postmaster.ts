import { execFile } from 'node:child_process'
import { readFile, readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A server that runs on a data directory, as its lock file tells. */
export type Postmaster =
  | { readonly pid: number; readonly ready: true; readonly port: number }
  /** It is starting, recovering from a crash, or shutting down. */
  | { readonly pid: number; readonly ready: false }

/**
 * The server that is alive on a data directory.
 *
 * The lock file alone proves nothing: it survives a crash, and its pid may be another program's by now.
 *
 * @see https://www.postgresql.org/docs/18/storage-file-layout.html `postmaster.pid`
 */
export async function findPostmaster(dir: string): Promise<Postmaster | undefined> {
  const [pidLine, , , port, , , , status] = ((await readLock(dir)) ?? '').split('\n')
  const pid = Number(pidLine)
  if (!(pid > 1) || !(await isServerOf(dir, pid))) return undefined
  return status?.trim() === 'ready' ? { pid, ready: true, port: Number(port) } : { pid, ready: false }
}

/** A server that starts writes its lock file right after it has made it; this is ample. In milliseconds. */
const EMPTY_FOR = 1000

/**
 * Removes a lock file whose server is gone. PostgreSQL does so by itself, except when another program, or a zombie that
 * was never reaped, has that pid, and when the file is empty, as a full disk or a crash leaves it. Should a server start
 * at this moment, its shared memory keeps a second one out.
 */
export async function removeStaleLock(dir: string): Promise<void> {
  const lock = await readLock(dir)
  if (lock === undefined || (await findPostmaster(dir))) return
  if (lock === '') await untilOld(dir)
  if ((await readLock(dir)) === lock) await rm(lockFile(dir), { force: true })
}

/** Gives a server that has just made its lock file the time to write it. */
async function untilOld(dir: string): Promise<void> {
  const { mtimeMs } = await stat(lockFile(dir)).catch(() => ({ mtimeMs: 0 }))
  const left = EMPTY_FOR - Math.max(0, Date.now() - mtimeMs)
  if (left > 0) await delay(left)
}

const lockFile = (dir: string): string => join(dir, 'postmaster.pid')

const readLock = (dir: string): Promise<string | undefined> => readFile(lockFile(dir), 'utf8').catch(() => undefined)

/** Whether a process is the server of a data directory: that is its working directory. A zombie has none. */
export async function isServerOf(dir: string, pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    return (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) === dir
  }
  const command = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return command.stdout.includes(dir)
}
