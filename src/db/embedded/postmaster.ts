import { execFile } from 'node:child_process'
import { readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
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
  const [pidLine, , , port, , , , status] = (await readLock(dir)).split('\n')
  const pid = Number(pidLine)
  if (!(pid > 1) || !(await isServerOf(dir, pid))) return undefined
  return status?.trim() === 'ready' ? { pid, ready: true, port: Number(port) } : { pid, ready: false }
}

/**
 * Removes a lock file whose server is gone. PostgreSQL does so by itself, except when another program, or a zombie
 * that nobody has buried, has that pid. Should a server start at this moment, its shared memory keeps a second one out.
 */
export async function removeStaleLock(dir: string): Promise<void> {
  const lock = await readLock(dir)
  if (lock === '' || (await findPostmaster(dir))) return
  if ((await readLock(dir)) === lock) await rm(join(dir, 'postmaster.pid'), { force: true })
}

const readLock = (dir: string): Promise<string> => readFile(join(dir, 'postmaster.pid'), 'utf8').catch(() => '')

/** Whether a process is the server of a data directory: that is its working directory. A zombie has none. */
export async function isServerOf(dir: string, pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    return (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) === dir
  }
  const command = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return command.stdout.includes(dir)
}
