import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Logger } from '../../core/logger.ts'
import type { Binaries } from './binaries.ts'
import { EmbeddedServerError } from './failure.ts'
import { launchersForNewData, type Launcher } from './launcher.ts'
import { runProgram } from './program.ts'

/** The role that owns all databases of the embedded server. */
export const ROLE = 'rtc'

/** Inside the data directory, so that a single rename publishes the data with its password. */
export const PASSWORD_FILE = 'password'

const STAGING = 'postgres.new-'

/** Unique to this process: in a container, a killed process may have had the same pid. */
const SELF = `${STAGING}${process.pid}-${randomBytes(4).toString('hex')}`

/** The built-in locale sorts identically on every system, unlike locales of the C library. */
const INITDB_FLAGS = [
  `--username=${ROLE}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--locale=C',
  '--no-instructions',
]

/**
 * Creates the data files in a staging directory and renames it to `dir` when complete. An interruption therefore leaves no
 * incomplete data, and of two gateways that start at the same time one succeeds.
 *
 * @throws EmbeddedServerError with the failure of each launcher
 */
export async function createCluster(
  dir: string,
  { binaries, log }: { binaries: Binaries; log: Logger },
): Promise<void> {
  const failures: string[] = []
  for (const launcher of await launchersForNewData()) {
    const failure = await createAs(launcher, dir, binaries)
    if (failure === undefined) {
      log.info({ dir }, `created a database ${launcher.description}`)
      return
    }
    failures.push(`${launcher.description}: ${failure}`)
  }
  throw new EmbeddedServerError(`a database cannot be created in ${dir}`, {
    output: failures.join('\n'),
    advice: failures.some((failure) => NAMELESS.test(failure)) ? adviceForNameless() : undefined,
  })
}

/** `initdb` without an entry for its user in the user database. */
const NAMELESS = /could not look up effective user ID|user does not exist/

const adviceForNameless = (): string => {
  const uid = process.getuid?.() ?? 0
  return (
    `The user with uid ${uid} has no name, which PostgreSQL requires to create a database. Add a line such as ` +
    `"rtc:x:${uid}:${process.getgid?.() ?? 0}::/tmp:/sbin/nologin" to /etc/passwd, or allow user namespaces.`
  )
}

/** @returns the failure, if any */
async function createAs(launcher: Launcher, dir: string, binaries: Binaries): Promise<string | undefined> {
  const staging = join(dirname(dir), `${SELF}-${randomBytes(4).toString('hex')}`)
  const data = join(staging, 'data')
  const password = join(staging, PASSWORD_FILE)
  try {
    await mkdir(staging, { mode: 0o700 })
    await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true })
    await handOver(launcher, [staging, password])
    const args = [`--pgdata=${data}`, `--pwfile=${password}`, ...INITDB_FLAGS]
    const { ok, output } = await runProgram(launcher, { binary: binaries.initdb, args, cwd: staging })
    if (!ok) return output.trim()
    await rename(password, join(data, PASSWORD_FILE))
    await publish(data, dir)
    return undefined
  } catch (error) {
    return String(error)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function handOver({ owner }: Launcher, [staging, password]: [string, string]): Promise<void> {
  if (owner.uid === process.getuid?.()) return
  await Promise.all([staging, password].map((path) => chown(path, owner.uid, owner.gid)))
  // The owner must be able to traverse the parent directory, but not to list it.
  const parent = dirname(staging)
  await chmod(parent, (await stat(parent)).mode | 0o011)
}

async function publish(data: string, dir: string): Promise<void> {
  try {
    await rename(data, dir)
  } catch (error) {
    // Another gateway has published its data files first; use those.
    if (await isEmpty(dir)) throw error
  }
  const parent = await open(dirname(dir))
  try {
    await parent.sync()
  } finally {
    await parent.close()
  }
}

/** Removes the staging directories of gateways that were killed while they created their data files. */
export async function removeAbandoned(root: string): Promise<void> {
  const names = await readdir(root).catch(() => [])
  const staged = names.filter((name) => name.startsWith(STAGING) && !name.startsWith(SELF))
  const abandoned = staged.filter((name) => !isOtherProcess(Number.parseInt(name.slice(STAGING.length), 10)))
  // Their `initdb` may still be writing; a later start removes the rest.
  await Promise.allSettled(abandoned.map((name) => rm(join(root, name), { recursive: true, force: true })))
}

function isOtherProcess(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Whether a directory is empty or does not exist. */
export async function isEmpty(dir: string): Promise<boolean> {
  return await readdir(dir).then(
    (names) => names.length === 0,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}
