import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** What the process reports of its start. */
export type Report = { url: string; adopted: boolean; error?: never } | { error: string }

export interface Gateway {
  readonly process: ChildProcess
  readonly report: Promise<Report>
  /** Stops the database and waits for the end of the process. @returns its exit code */
  stop(): Promise<number | null>
  /** Waits for the end of the process only. */
  kill(): Promise<void>
}

let build: string
const processes: ChildProcess[] = []

// Node 20 does not run TypeScript; the compiled gateway lies where any user can read it.
beforeAll(async () => {
  build = await mkdtemp(join(tmpdir(), 'rtc-build-'))
  await chmod(build, 0o755)
  const flags = ['--noCheck', '--skipLibCheck', '--rewriteRelativeImportExtensions', '--verbatimModuleSyntax']
  const target = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--rootDir', ROOT, '--outDir', build]
  const source = join(import.meta.dirname, 'gateway-process.ts')
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), ['--ignoreConfig', ...flags, ...target, source])
  await writeFile(join(build, 'package.json'), '{ "type": "module" }')
  await symlink(join(ROOT, 'node_modules'), join(build, 'node_modules'))
})

afterEach(() => {
  for (const child of processes.splice(0)) child.kill('SIGKILL')
})

afterAll(() => rm(build, { recursive: true }))

/** Starts a gateway in a process group of its own, as another user if one is given. */
export function startGateway(dataDir: string, user: { uid?: number; gid?: number } = {}): Gateway {
  const child = fork(join(build, 'test/db/gateway-process.js'), [dataDir], {
    ...user,
    cwd: '/',
    detached: true,
    execArgv: [],
  })
  processes.push(child)
  const exited = once(child, 'exit') as Promise<[number | null]>
  const report = Promise.race([
    once(child, 'message').then(([message]) => message as Report),
    exited.then(([code]) => ({ error: `it has ended with ${code}` })),
  ])
  return {
    process: child,
    report,
    async stop() {
      child.send('stop')
      return (await exited)[0]
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
