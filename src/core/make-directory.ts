import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory and those above it, unless they exist. Unlike `mkdir` with `recursive`, which repeats itself without end
 * in Node 20, it fails where a file system such as /proc has no new directories.
 */
export async function makeDirectory(directory: string, mode?: number): Promise<void> {
  const path = resolve(directory)
  const make = () => mkdir(path, { mode }).catch((error: unknown) => ignoreExisting(path, error))
  try {
    await make()
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error
    await makeDirectory(dirname(path), mode)
    await make()
  }
}

async function ignoreExisting(path: string, error: unknown): Promise<void> {
  if (!hasCode(error, 'EEXIST') || !(await stat(path)).isDirectory()) throw error
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
