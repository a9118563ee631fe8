import type { LockFile } from './lock-file.ts'

/** SPDX identifiers of permissive licences, which require at most a notice: https://spdx.org/licenses */
const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'PostgreSQL',
  'Unlicense',
])

export interface Licence {
  readonly name: string
  readonly version: string
  /** An SPDX expression; `unknown` if the package declares none. */
  readonly licence: string
}

/** The licences of the run-time dependencies, without packages that only development dependencies need. */
export function runTimeLicences(lock: LockFile): Licence[] {
  return Object.entries(lock.packages ?? {})
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional)
    .map(([path, { version = '', license = 'unknown' }]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      licence: license,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

/** Licences that are not allowed. Of `OR`, one alternative must be allowed; of `AND`, all parts. */
export const refusedLicences = (licences: readonly Licence[]): Licence[] =>
  licences.filter(({ licence }) => !isAllowed(licence))

function isAllowed(expression: string): boolean {
  const alternatives = expression.replace(/^\((.*)\)$/, '$1').split(' OR ')
  return alternatives.some((alternative) => alternative.split(' AND ').every((licence) => ALLOWED.has(licence)))
}
