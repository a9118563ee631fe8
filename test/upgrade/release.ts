import { execFile } from 'node:child_process'
import { readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makeDirectory } from '../scratch.ts'

/** The build of the previous release, made by `pack-release.sh`. It runs with the installed packages. */
const ARCHIVE = fileURLToPath(new URL('release-0.1.0.tar.gz', import.meta.url))
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))

export interface Release {
  /** For `launchGateway`. */
  readonly main: string
  /** The names of its migrations, sorted. */
  readonly migrations: readonly string[]
}

export async function unpackRelease(): Promise<Release> {
  const directory = await makeDirectory('release')
  await promisify(execFile)('tar', ['--extract', '--gzip', '--file', ARCHIVE, '--directory', directory])
  await symlink(MODULES, join(directory, 'node_modules'))
  const entries = await readdir(join(directory, 'prisma/migrations'), { withFileTypes: true })
  const migrations = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return { main: join(directory, 'dist/main.js'), migrations: migrations.toSorted() }
}
