// Runs after `npm install` and `npm ci`. With development dependencies, builds. Without them (`--omit=dev`), removes what
// the gateway never loads: packages that only development dependencies need, which npm keeps because they are optional
// peers of others, and Prisma's query compilers for other databases.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const hasTools = ['node_modules/typescript', 'node_modules/vite', 'node_modules/@graphql-codegen/cli'].every((path) =>
  existsSync(path),
)

if (hasTools) {
  const { status } = spawnSync('npm', ['run', '-s', 'build'], { stdio: 'inherit', shell: process.platform === 'win32' })
  process.exitCode = status ?? 1
} else {
  removeUnusedPackages()
  removeOtherCompilers()
  if (!existsSync('dist/main.js')) {
    console.log(
      'dist/ is missing: build it where the development dependencies are installed, and copy it next to node_modules/.',
    )
  }
}

/** Keeps the packages that the run-time dependencies need, directly or indirectly. */
function removeUnusedPackages() {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const isTool = (name) => Object.hasOwn(packages[''].devDependencies, name)
  const needed = new Set()
  const visit = (path) => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = packages[path]
    const peers = Object.keys(peerDependencies ?? {}).filter(
      (name) => !peerDependenciesMeta?.[name]?.optional && !isTool(name),
    )
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const found = resolve(packages, path, name)
      if (found === undefined || needed.has(found)) continue
      needed.add(found)
      visit(found)
    }
  }
  visit('')
  for (const path of Object.keys(packages)) {
    if (path !== '' && !needed.has(path)) rmSync(path, { recursive: true, force: true })
  }
}

/** The path of a package as seen from another one, by Node's rule. */
function resolve(packages, from, name) {
  for (let directory = from; ; directory = directory.slice(0, Math.max(directory.lastIndexOf('/node_modules/'), 0))) {
    const path = `${directory === '' ? '' : `${directory}/`}node_modules/${name}`
    if (Object.hasOwn(packages, path)) return path
    if (directory === '') return undefined
  }
}

function removeOtherCompilers() {
  const runtime = 'node_modules/@prisma/client/runtime'
  if (!existsSync(runtime)) return
  for (const name of readdirSync(runtime)) {
    if (/\.(cockroachdb|mysql|sqlite|sqlserver)\./.test(name)) rmSync(join(runtime, name))
  }
}
