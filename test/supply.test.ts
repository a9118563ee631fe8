import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { refusedLicences, runTimeLicences } from '../.ci/supply/licences.ts'
import { type LockedPackage, type LockFile, problemsOfLock } from '../.ci/supply/lock-file.ts'

const lock = JSON.parse(await readFile('package-lock.json', 'utf8')) as LockFile
const integrity = `sha512-${'A'.repeat(86)}==`
const lockWith = (path: string, entry: LockedPackage, root: LockedPackage = {}): LockFile => ({
  lockfileVersion: 3,
  packages: { '': root, [path]: entry },
})

describe('the lock file', () => {
  test.each(['package-lock.json', 'bench/package-lock.json', '.ci/deployment/package-lock.json'])(
    '%s contains only packages of the registry, each with a hash',
    async (path) => {
      expect(problemsOfLock(JSON.parse(await readFile(path, 'utf8')) as LockFile)).toEqual([])
    },
  )

  test.each<[string, LockedPackage]>([
    ['a repository', { resolved: 'git+ssh://git@github.com/a/b.git#0123', integrity }],
    ['a directory', { resolved: 'file:../b', integrity }],
    ['a plain address', { resolved: 'http://registry.npmjs.org/b/-/b-1.0.0.tgz', integrity }],
    ['another registry', { resolved: 'https://registry.npmjs.org.evil.example/b/-/b-1.0.0.tgz', integrity }],
    ['no hash', {}],
    ['an address and no hash', { resolved: 'https://registry.npmjs.org/b/-/b-1.0.0.tgz' }],
    ['a weak hash', { integrity: `sha1-${'A'.repeat(27)}=` }],
    ['a link', { link: true, resolved: 'packages/b' }],
  ])('is refused if a package has %s', (_, entry) => {
    expect(problemsOfLock(lockWith('node_modules/b', { version: '1.0.0', ...entry }))).not.toEqual([])
  })

  test.each([
    'git+https://github.com/a/b.git',
    'github:a/b',
    'a/b',
    'file:../b',
    'https://a.example/b.tgz',
    'link:../b',
  ])('is refused if a dependency refers to %s', (range) => {
    const dependent = { dependencies: { b: range } }
    expect(problemsOfLock(lockWith('node_modules/b', { integrity }, dependent))).toHaveLength(1)
    expect(problemsOfLock(lockWith('node_modules/a', { integrity, ...dependent }))).toHaveLength(1)
  })

  test.each(['^1.2.3', '>=1 <3 || 5.x', '~0.6.0-2', 'latest', '*', 'npm:b@^1.0.0', 'npm:@a/b@1.0.0', '1.0.0 - 2.0.0'])(
    'may contain the range %s',
    (range) => {
      expect(problemsOfLock(lockWith('node_modules/b', { integrity }, { dependencies: { b: range } }))).toEqual([])
    },
  )

  test('is refused if it is not a lock file', () => {
    expect(problemsOfLock({})).toHaveLength(1)
    expect(problemsOfLock({ lockfileVersion: 3, packages: { '': {} } })).toHaveLength(1)
  })
})

describe('licences of run-time dependencies', () => {
  test('are all allowed', () => {
    const licences = runTimeLicences(lock)
    expect(licences.map(({ name }) => name)).toEqual(expect.arrayContaining(['graphql', 'pg', 'ws', '@prisma/client']))
    expect(licences.map(({ name }) => name)).not.toContain('prisma')
    expect(refusedLicences(licences)).toEqual([])
  })

  test.each([
    ['GPL-3.0-only', false],
    ['unknown', false],
    ['(MIT AND GPL-2.0)', false],
    ['(Apache-2.0 AND BSD-3-Clause)', true],
    ['(MIT OR GPL-2.0)', true],
  ])('%s is allowed: %s', (licence, allowed) => {
    expect(refusedLicences([{ name: 'b', version: '1.0.0', licence }])).toHaveLength(allowed ? 0 : 1)
  })
})

test('the bill of materials lists exactly the run-time dependencies', async () => {
  await promisify(execFile)('npm', ['run', '-s', 'build:sbom'])
  const bom = JSON.parse(await readFile('dist/sbom.cdx.json', 'utf8')) as {
    bomFormat: string
    components: { group?: string; name: string; version: string }[]
  }
  expect(bom.bomFormat).toBe('CycloneDX')
  const listed = bom.components.map(({ group, name, version }) => `${group ? `${group}/` : ''}${name}@${version}`)
  const expected = runTimeLicences(lock).map(({ name, version }) => `${name}@${version}`)
  expect([...new Set(listed)].toSorted()).toEqual([...new Set(expected)].toSorted())
})
