// Runs after `npm install` and `npm ci`. With the development dependencies it builds. Without them (`--omit=dev`) it
// removes what only they need: npm would keep Prisma's command line there, 200 MB, because @prisma/client names it as an
// optional peer.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'

const hasTools = ['node_modules/typescript', 'node_modules/vite', 'node_modules/@graphql-codegen/cli'].every((path) =>
  existsSync(path),
)

if (hasTools) {
  const { status } = spawnSync('npm', ['run', '-s', 'build'], { stdio: 'inherit', shell: process.platform === 'win32' })
  process.exitCode = status ?? 1
} else {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  for (const [path, { devOptional }] of Object.entries(packages)) {
    if (devOptional) rmSync(path, { recursive: true, force: true })
  }
  if (!existsSync('dist/main.js')) {
    console.log(
      'There is no dist/ here: build it where the development dependencies are, and copy it beside node_modules/.',
    )
  }
}
