// `npm run bench`: installs the packages of the peers if they are missing, compiles the gateway and the benchmark, and
// runs the compiled benchmark, so that no server is measured through a loader.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

const run = (command, ...args) =>
  spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0

const installed = existsSync(new URL('node_modules/mercurius', import.meta.url))
const ready =
  (installed || run('npm', 'ci', '--prefix', 'bench', '--no-audit', '--no-fund')) &&
  (existsSync(new URL('../src/db/generated', import.meta.url)) || run('npm', 'run', '-s', 'generate')) &&
  run('npm', 'run', '-s', 'compile:server') &&
  run('npx', 'tsc', '-p', 'bench') &&
  run('npx', 'tsc', '-p', 'bench/peers')
if (!ready || !run(process.execPath, 'bench/dist/bench/main.js', ...process.argv.slice(2))) process.exitCode = 1
