import { posix } from 'node:path'

/** The relative reference from one path to another; valid also behind a proxy that adds a prefix to both. */
export function relativeAddress(from: string, to: string): string {
  const base = from.slice(0, from.lastIndexOf('/') + 1)
  return posix.relative(base, to) || '.'
}
