// Runs after `npm install` and `npm ci`. With development dependencies, builds. Without them (`--omit=dev`), removes
// packages that only they need: npm keeps Prisma's command line, 200 MB, because it is an optional peer of @prisma/client.
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
      'dist/ is missing: build it where the development dependencies are installed, and copy it next to node_modules/.',
    )
  }
}
