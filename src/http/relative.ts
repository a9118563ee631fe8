import { posix } from 'node:path'

/** A path as seen from another, so that it holds behind a proxy that adds a prefix to both. */
export function relativeAddress(from: string, to: string): string {
  const base = from.slice(0, from.lastIndexOf('/') + 1)
  return posix.relative(base, to) || '.'
}
