import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

const PROGRAM = join(import.meta.dirname, 'gateway-process.js')

/** The process's report of its start. */
export type Report = { url: string; adopted: boolean; error?: never } | { error: string }

export interface Gateway {
  readonly process: ChildProcess
  readonly report: Promise<Report>
  /** Stops the database and waits for the process to exit. @returns its exit code */
  stop(): Promise<number | null>
  /** Kills the process but not its database server. */
  kill(): Promise<void>
}

/** Starts a gateway in a process group of its own, as another user if one is given. */
export function startGateway(dataDir: string, user: { uid?: number; gid?: number } = {}): Gateway {
  const child = fork(PROGRAM, [dataDir], {
    ...user,
    cwd: '/',
    detached: true,
    execArgv: [],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit') as Promise<[number | null]>
  const report = Promise.race([
    once(child, 'message').then(([message]) => message as Report),
    exited.then(([code]) => ({ error: `the process has exited with ${code}` })),
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

/** The URL of its database. */
export async function urlOf({ report }: Gateway): Promise<string> {
  const result = await report
  if (result.error !== undefined) throw new Error(result.error)
  return result.url
}
