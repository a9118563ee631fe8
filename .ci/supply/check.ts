import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { refusedLicences, runTimeLicences } from './licences.ts'
import { type LockFile, problemsOfLock } from './lock-file.ts'

// Fails when a lock file refers to code outside the registry, or when a run-time dependency has a licence that is not
// allowed. Otherwise writes the licences to dist/licences.json.
const lock = JSON.parse(await readFile('package-lock.json', 'utf8')) as LockFile
const licences = runTimeLicences(lock)
const docs = JSON.parse(await readFile('.ci/docs/package-lock.json', 'utf8')) as LockFile
const problems = [
  ...problemsOfLock(lock),
  ...problemsOfLock(docs).map((problem) => `.ci/docs: ${problem}`),
  ...refusedLicences(licences).map(({ name, version, licence }) => `${name}@${version} has the licence ${licence}`),
]
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
else {
  await mkdir('dist', { recursive: true })
  await writeFile('dist/licences.json', `${JSON.stringify(licences, null, 2)}\n`)
  console.log(`${licences.length} run-time dependencies; licences in dist/licences.json`)
}
