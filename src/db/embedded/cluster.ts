import { access, constants, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../core/logger.ts'
import { makeDirectory } from '../../core/make-directory.ts'
import type { Binaries } from './binaries.ts'
import { createCluster, isEmpty, PASSWORD_FILE, removeAbandoned } from './create-cluster.ts'
import { EmbeddedServerError, EmbeddedSetupError } from './failure.ts'
import { launcherForData, type Launcher } from './launcher.ts'

/** PostgreSQL's data files, their password, and the launcher of programs on them. */
export interface Cluster {
  /** Absolute, without symbolic links, mode 0700. */
  readonly dir: string
  readonly password: string
  readonly launcher: Launcher
}

/**
 * Opens the data files in `<dataDir>/postgres`; creates them if absent.
 *
 * @throws EmbeddedServerError if they cannot be created, or belong to another user
 * @throws EmbeddedSetupError if the directory is read-only
 */
export async function openCluster(dataDir: string, tools: { binaries: Binaries; log: Logger }): Promise<Cluster> {
  const root = await makeDataDir(dataDir)
  const dir = join(root, 'postgres')
  await removeAbandoned(root)
  if (await isEmpty(dir)) await createCluster(dir, tools)
  return await existingCluster(dir)
}

async function makeDataDir(dataDir: string): Promise<string> {
  try {
    await makeDirectory(dataDir, 0o700)
    const root = await realpath(dataDir)
    await access(root, constants.W_OK)
    return root
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EmbeddedSetupError(
      `DATA_DIR: ${dataDir} cannot be written (${reason}); choose a directory that this user owns, or set DATABASE_URL`,
      { cause },
    )
  }
}

async function existingCluster(dir: string): Promise<Cluster> {
  const unreadable = (cause: unknown): never => {
    throw new EmbeddedServerError(`${dir} is not a database that this gateway can read`, {
      output: String(cause),
      cause,
    })
  }
  const launcher = await launcherForData(dir, await stat(dir).catch(unreadable))
  const password = await readFile(join(dir, PASSWORD_FILE), 'utf8').catch(unreadable)
  return { dir, password: password.trim(), launcher }
}
