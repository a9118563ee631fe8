import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { runTimeLicences } from './licences.ts'
import type { LockFile } from './lock-file.ts'

interface Bom {
  components: { 'bom-ref': string; group?: string; name: string; version: string }[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

// Writes the software bill of materials of the run-time dependencies. `npm sbom --omit dev` omits every package that a
// development dependency needs as well, such as graphql; so this lists all packages and removes the others.
const command = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application']
const bom = JSON.parse(execFileSync('npm', command, { encoding: 'utf8', maxBuffer: 2 ** 26 })) as Bom
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
const runTime = new Set(runTimeLicences(lock).map(({ name, version }) => `${name}@${version}`))

const nameOf = ({ group, name, version }: Bom['components'][number]) => `${group ? `${group}/` : ''}${name}@${version}`
const components = bom.components.filter((component) => runTime.has(nameOf(component)))
const refs = new Set(components.map((component) => component['bom-ref']))
const isKept = (ref: string) => refs.has(ref) || !bom.components.some((component) => component['bom-ref'] === ref)
const dependencies = bom.dependencies
  .filter(({ ref }) => isKept(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((target) => refs.has(target)) }))

mkdirSync('dist', { recursive: true })
writeFileSync('dist/sbom.cdx.json', `${JSON.stringify({ ...bom, components, dependencies }, null, 2)}\n`)
