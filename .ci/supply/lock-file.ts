/** The fields of a package-lock.json that are checked: https://docs.npmjs.com/cli/configuring-npm/package-lock-json */
export interface LockFile {
  readonly lockfileVersion?: number
  readonly packages?: Readonly<Record<string, LockedPackage>>
}

export interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly license?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const REGISTRY = 'https://registry.npmjs.org/'
/** A SHA-512 integrity hash: https://www.w3.org/TR/SRI/#cryptographic-hash-functions */
const STRONG = /^sha512-[\w+/]{86}==$/
/** A version, range or tag, or an alias of one, which the registry resolves; not a URL, a path or a repository. */
const OF_REGISTRY = /^(npm:(@[\w.-]+\/)?[\w.-]+@)?[^:/]*$/

/**
 * Finds entries of a lock file that could install code other than what the registry has published under that hash.
 *
 * @returns a message for each problem
 */
export function problemsOfLock(lock: LockFile): string[] {
  if (lock.lockfileVersion !== 3 || !lock.packages) return ['the lock file is not of version 3']
  const entries = Object.entries(lock.packages)
  if (entries.length < 2) return ['the lock file has no packages']
  return entries.flatMap(([path, entry]) => [...problemsOfSources(path, entry), ...problemsOfPackage(path, entry)])
}

function problemsOfPackage(path: string, { resolved, integrity, link, inBundle }: LockedPackage): string[] {
  // Skips the application itself and packages that are bundled in another one.
  if (path === '' || inBundle) return []
  if (link) return [`${path} is a link`]
  const isForeign = resolved !== undefined && !resolved.startsWith(REGISTRY)
  return [
    ...(isForeign ? [`${path} comes from ${resolved}`] : []),
    ...(STRONG.test(integrity ?? '') ? [] : [`${path} has no integrity of sha512`]),
  ]
}

function problemsOfSources(path: string, entry: LockedPackage): string[] {
  const { dependencies, devDependencies, optionalDependencies } = entry
  const wanted = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
  return wanted
    .filter(([, range]) => !OF_REGISTRY.test(range))
    .map(([name, range]) => `${path || 'package.json'} wants ${name} from ${range}`)
}
