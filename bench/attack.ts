import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { type Attack, attacks } from './attack/attacks.ts'
import { Bystander, type Experience } from './attack/bystander.ts'
import { SECRET } from './attack/target.ts'

/**
 * Measures the latency of a bystander during attacks. Each attack runs against a fresh gateway process; attacker and
 * gateway are separate processes; the idle gateway is measured first in the same run.
 *
 *     npm run bench:attack -- [--gateway dist/main.js] [--size 1] [--seconds 15] [--only text] [--together]
 *
 * `--gateway` is the entry file of the built gateway, so that versions can be compared; `--together` runs all attacks at
 * once.
 */
const { values } = parseArgs({
  options: {
    gateway: { type: 'string', default: fileURLToPath(new URL('../dist/main.js', import.meta.url)) },
    size: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '15' },
    only: { type: 'string', default: '' },
    together: { type: 'boolean', default: false },
  },
})
const IDLE_SECONDS = 6
/** How long measuring continues after an attack. */
const TAIL_SECONDS = 5
/** Timeout of the probe in milliseconds; a gateway that does not respond is reported as blocked for this long. */
const PROBE_TIMEOUT = 120_000

const PROBE = fileURLToPath(new URL('attack/probe.js', import.meta.url))
const ATTACKER = fileURLToPath(new URL('attack/attacker.ts', import.meta.url))
const print = (text: string) => process.stdout.write(`${text}\n`)

class Gateway {
  readonly #child: ChildProcess
  readonly url: string
  #exited = false

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
    child.once('exit', () => (this.#exited = true))
  }

  static async start(databaseUrl: string, env: Readonly<Record<string, string>>): Promise<Gateway> {
    const child = fork(values.gateway, {
      execArgv: ['--import', PROBE],
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
      env: {
        PATH: process.env['PATH'],
        JWT_SECRET: SECRET,
        DATABASE_URL: databaseUrl,
        HOST: '127.0.0.1',
        PORT: '0',
        LOG_REQUESTS: 'errors',
        DRAIN_TIME: '1',
        ...env,
      },
    })
    let output = ''
    while (!output.includes('"msg":"listening"')) {
      const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer]
      output += chunk.toString()
    }
    child.stdout?.resume()
    return new Gateway(child, /http:\/\/[^/"]+/.exec(output)?.[0] ?? '')
  }

  /** Longest block of the event loop since the last call, in milliseconds; null when the process has exited. */
  async longestBlock(): Promise<number | null> {
    if (this.#exited) return null
    const answered = once(this.#child, 'message') as Promise<[{ longestBlock: number }]>
    this.#child.send('longest block')
    const answer = await Promise.race([
      answered,
      once(this.#child, 'exit').then(() => null),
      delay(PROBE_TIMEOUT, 'blocked' as const, { ref: false }),
    ])
    if (answer === 'blocked') return PROBE_TIMEOUT
    return answer && answer[0].longestBlock
  }

  /** Peak resident memory in MiB; null on other systems than Linux, or when the process has exited. */
  async peakMemory(): Promise<number | null> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8').catch(() => '')
    const kib = /VmHWM:\s+(\d+)/.exec(status)?.[1]
    return kib === undefined ? null : Number(kib) / 1024
  }

  /** Sends SIGTERM, and SIGKILL after 30 s; returns the seconds until the exit. */
  async stop(): Promise<number> {
    if (this.#exited) return 0
    const started = performance.now()
    const killTimer = setTimeout(() => this.#child.kill('SIGKILL'), 30_000)
    this.#child.kill('SIGTERM')
    await once(this.#child, 'exit')
    clearTimeout(killTimer)
    return (performance.now() - started) / 1000
  }
}

interface Result {
  readonly name: string
  readonly idle: Experience
  readonly attacked: Experience
  readonly longestBlock: number | null
  readonly peakMemory: number | null
  readonly stopSeconds: number
}

async function trial(name: string, chosen: readonly Attack[], databaseUrl: string): Promise<Result> {
  const env = Object.assign({}, ...chosen.map((attack) => attack.env ?? {})) as Record<string, string>
  const gateway = await Gateway.start(databaseUrl, env)
  const bystander = await Bystander.start(gateway.url)
  const attacker = fork(ATTACKER, [gateway.url, values.size, values.seconds, ...chosen.map((attack) => attack.name)])
  await once(attacker, 'message')
  await delay(1000)
  bystander.report()
  await delay(IDLE_SECONDS * 1000)
  const idle = bystander.report()
  await gateway.longestBlock()
  const ended = once(attacker, 'exit')
  attacker.send('go')
  await Promise.race([ended, delay(Number(values.seconds) * 1000 + 5000)])
  await delay(TAIL_SECONDS * 1000)
  const attacked = bystander.report()
  const longestBlock = await gateway.longestBlock()
  const peakMemory = await gateway.peakMemory()
  attacker.kill('SIGKILL')
  await bystander.stop()
  return { name, idle, attacked, longestBlock, peakMemory, stopSeconds: await gateway.stop() }
}

/** Creates a database for each trial, so that the data of one attack does not slow down the next one. */
async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const admin = new pg.Client({ connectionString: serverUrl })
  await admin.connect()
  try {
    await admin.query(`CREATE DATABASE ${name}`)
  } finally {
    await admin.end()
  }
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}

const HEADER =
  'attack                                                          idle p50   p99 | attacked p50    p99     max  failed | p99 ratio  block ms  peak MiB  stop s'

function line({ name, idle, attacked, longestBlock, peakMemory, stopSeconds }: Result): string {
  const ms = (value: number, width: number) => value.toFixed(1).padStart(width)
  const optional = (value: number | null, width: number) => (value === null ? 'gone' : value.toFixed(0)).padStart(width)
  return [
    name.padEnd(63),
    ms(idle.p50, 9),
    ms(idle.p99, 6),
    '|',
    ms(attacked.p50, 11),
    ms(attacked.p99, 7),
    ms(attacked.max, 8),
    `${attacked.failed}/${attacked.requests}`.padStart(8),
    '|',
    (attacked.p99 / idle.p99).toFixed(1).padStart(8),
    optional(longestBlock, 9),
    optional(peakMemory, 9),
    ms(stopSeconds, 7),
  ].join(' ')
}

const dataDir = await mkdtemp(join(tmpdir(), 'rtc-bench-'))
const server = await startEmbeddedServer({ dataDir, log: createLogger('error') })
try {
  const chosen = attacks.filter(({ name }) => name.includes(values.only))
  const trials = values.together
    ? [['all at once', chosen] as const]
    : chosen.map((attack) => [attack.name, [attack]] as const)
  const results: Result[] = []
  print(HEADER)
  for (const [index, [name, together]] of trials.entries()) {
    const result = await trial(name, together, await createDatabase(server.url, `attack_${index}`))
    results.push(result)
    print(line(result))
  }
  if (process.env['RESULTS']) await writeFile(process.env['RESULTS'], JSON.stringify(results, null, 2))
} finally {
  await server.stop()
  await rm(dataDir, { recursive: true })
}
