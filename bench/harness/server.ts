import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SECRET } from '../load/tokens.ts'
import { formatNumber } from '../report/format.ts'
import { ROOT } from './built.ts'
import type { Database } from './database.ts'

/** Rooms in the database, unless the command says otherwise; beside a larger database, in a second one. */
export const ROOMS = 10_000

/** The compared servers, by their names in the results. */
export const SERVERS = {
  gateway: 'the gateway',
  yoga: 'Yoga + Pothos + Prisma',
  apollo: 'Apollo Server + Prisma',
  mercurius: 'Mercurius (JIT) + Prisma',
  raw: 'node:http + pg, by hand',
  smaller: `the gateway, ${formatNumber(ROOMS)} rooms`,
  before: 'the gateway before',
} as const

export type ServerName = keyof typeof SERVERS

/** Settings of the gateway whose defaults would limit the measurement, with reasons. */
export const GATEWAY_SETTINGS: Readonly<Record<string, { readonly value: string; readonly reason: string }>> = {
  RATE_LIMITS: { value: 'off', reason: 'one client at one address does what thousands of users do' },
  MAX_CONNECTIONS: { value: '100000', reason: 'more sockets than the default are opened' },
  MAX_REQUESTS: { value: '100000', reason: 'a storm of joins sends all requests at once' },
  LIVE_ROOMS_MAX: { value: '1000000', reason: 'few users create many rooms' },
  LOG_REQUESTS: { value: 'errors', reason: 'the other servers log no requests' },
  DRAIN_TIME: { value: '1', reason: 'the process ends soon; nothing is measured then' },
}

export interface Usage {
  /** Bytes after a garbage collection. */
  readonly heap: number
  readonly rss: number
  /** Milliseconds of CPU time since the start. */
  readonly cpu: number
}

const PROBE = fileURLToPath(new URL('bench/harness/probe.js', ROOT))
const module = (name: ServerName, root: URL): string =>
  fileURLToPath(
    name === 'gateway' || name === 'smaller' || name === 'before'
      ? new URL('dist/main.js', root)
      : new URL(`../peers/${name}.js`, import.meta.url),
  )

/** A server in its own process. */
export class Server {
  readonly name: ServerName
  readonly url: string
  readonly database: Database
  readonly #child: ChildProcess

  private constructor(name: ServerName, { url, database }: Pick<Server, 'url' | 'database'>, child: ChildProcess) {
    this.name = name
    this.url = url
    this.database = database
    this.#child = child
  }

  /** @param root - the directory of a gateway. @default this one's */
  static async start(name: ServerName, database: Database, root = ROOT): Promise<Server> {
    const child = fork(module(name, root), {
      execArgv: ['--expose-gc', '--import', PROBE],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: {
        ...(process.env['PATH'] !== undefined && { PATH: process.env['PATH'] }),
        NODE_ENV: 'production',
        DATABASE_URL: database.url,
        JWT_SECRET: SECRET,
        HOST: '127.0.0.1',
        PORT: '0',
        ...Object.fromEntries(Object.entries(GATEWAY_SETTINGS).map(([variable, { value }]) => [variable, value])),
      },
    })
    const url = await Promise.race([addressOf(child), once(child, 'exit').then(() => undefined)])
    if (url === undefined) throw new Error(`${SERVERS[name]} did not start`)
    child.stdout?.resume()
    return new Server(name, { url, database }, child)
  }

  get webSocketUrl(): string {
    return `${this.url.replace('http', 'ws')}/graphql`
  }

  async usage(): Promise<Usage> {
    const answered = once(this.#child, 'message') as Promise<[{ usage: Usage }]>
    this.#child.send('usage')
    const [{ usage }] = await answered
    return usage
  }

  /** Bytes of resident memory, without a prior garbage collection; null on other systems than Linux. */
  async residentNow(): Promise<number | null> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8').catch(() => '')
    const kib = /VmRSS:\s+(\d+)/.exec(status)?.[1]
    return kib === undefined ? null : Number(kib) * 1024
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    const impatient = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    this.#child.kill('SIGTERM')
    await exited
    clearTimeout(impatient)
  }
}

/** Every server prints its address when it is ready. */
async function addressOf(child: ChildProcess): Promise<string | undefined> {
  let output = ''
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk)
    const url = /http:\/\/[\w.:]+/.exec(output)?.[0]
    if (url) return url
  }
  return undefined
}
