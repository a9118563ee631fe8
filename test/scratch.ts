import { existsSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'

/** Bytes that the tests' databases take at most, and room to spare. */
const NEEDED = 2 * 1024 ** 3

/**
 * Where tests keep databases. In memory, if the system offers that and there is enough: PostgreSQL makes and removes
 * hundreds of files for each, which takes a disk several times as long.
 */
export const SCRATCH = free('/dev/shm') >= NEEDED ? '/dev/shm' : tmpdir()

/** Free bytes of a file system. */
function free(path: string): number {
  if (!existsSync(path)) return 0
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}
