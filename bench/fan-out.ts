import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { Readers } from './fan-out/readers.ts'
import type { Order, Report } from './fan-out/server.ts'

/**
 * One room, many readers: the gateway beside a raw `ws` broadcast and beside the plain Yoga + graphql-ws recipe, one
 * after the other in one run, each in a process of its own and the readers in another.
 *
 *     npm run bench:fan-out -- [compare] [idle] [stalled]
 *
 * Linux lets a process of root have a network of its own, in which socket buffers are made small: only there can readers
 * that stand still be tried, elsewhere they would have to fill megabytes each first.
 */
const SERVER = fileURLToPath(new URL('fan-out/server.ts', import.meta.url))
const ISOLATED = 'RTC_BENCH_ISOLATED'
const SMALL_BUFFERS = 'net.ipv4.tcp_rmem="4096 16384 16384" net.ipv4.tcp_wmem="4096 16384 32768"'

interface Latency {
  readonly p50: number
  readonly p99: number
}

/** Bytes. */
interface Memory {
  readonly heap: number
  readonly rss: number
}

/** A server under test and its readers. */
class Trial {
  readonly #child: ChildProcess
  readonly #reports: Report[] = []
  #wake = () => {}
  #readers!: Readers
  #next = 0

  private constructor(variant: string, databaseUrl: string) {
    this.#child = fork(SERVER, [variant, databaseUrl], { execArgv: [...process.execArgv, '--expose-gc'] })
    this.#child.on('message', (report: Report) => {
      this.#reports.push(report)
      this.#wake()
    })
  }

  static async start(variant: string, databaseUrl: string): Promise<Trial> {
    const trial = new Trial(variant, databaseUrl)
    const { url } = await trial.#report('ready')
    trial.#readers = new Readers(url)
    trial.#readers.onAll((seq) => trial.#send({ kind: 'received', seq }))
    return trial
  }

  async connect(count: number, options: { stalled?: boolean } = {}): Promise<void> {
    this.#send({ kind: 'hello', from: this.#next, count })
    this.#next += count
    const { messages } = await this.#report('hello')
    await this.#readers.add(messages, options)
  }

  /** Deliveries a second, and microseconds of the server's processor time for each. */
  async flood(events: number): Promise<{ rate: number; cpu: number }> {
    this.#send({ kind: 'flood', events, window: 8 })
    const { times, cpu } = await this.#report('published')
    const last = times.at(-1)?.[0] ?? 0
    const latest = await this.#allArrivals(last)
    this.#readers.forgetAll()
    const deliveries = events * this.#readers.count
    return { rate: deliveries / ((Math.max(...latest) - (times[0]?.[1] ?? 0)) / 1000), cpu: (cpu * 1000) / deliveries }
  }

  /** Publish → receive, in milliseconds. */
  async pace(events: number, interval: number): Promise<Latency> {
    this.#send({ kind: 'pace', events, interval })
    const { times } = await this.#report('published')
    await this.#allArrivals(times.at(-1)?.[0] ?? 0)
    const latencies = times.flatMap(([seq, at]) => this.#readers.arrivals(seq).map((arrival) => arrival - at))
    this.#readers.forgetAll()
    if (latencies.length !== events * this.#readers.count) throw new Error('a delivery is missing')
    latencies.sort((a, b) => a - b)
    const at = (quantile: number) => latencies[Math.floor(latencies.length * quantile)] ?? 0
    return { p50: at(0.5), p99: at(0.99) }
  }

  /** Waits until the gateway has closed all that stand still. */
  async endStalled(): Promise<void> {
    await this.#readers.wake()
  }

  async memory(): Promise<Memory> {
    this.#send({ kind: 'memory' })
    return this.#report('memory')
  }

  async close(): Promise<void> {
    this.#readers.close()
    this.#send({ kind: 'close' })
    await new Promise((resolve) => this.#child.once('exit', resolve))
  }

  /** When each reader got the update, once all have it. */
  async #allArrivals(seq: number): Promise<readonly number[]> {
    while (this.#readers.arrivals(seq).length < this.#readers.count) await new Promise((go) => setTimeout(go, 5))
    return this.#readers.arrivals(seq)
  }

  #send(order: Order): void {
    this.#child.send(order)
  }

  async #report<K extends Report['kind']>(kind: K): Promise<Extract<Report, { kind: K }>> {
    for (;;) {
      const index = this.#reports.findIndex((report) => report.kind === kind)
      if (index >= 0) return this.#reports.splice(index, 1)[0] as Extract<Report, { kind: K }>
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const print = (text: string) => process.stdout.write(`${text}\n`)
const thousands = (value: number) => Math.round(value).toLocaleString('en')

async function compare(databaseUrl: string): Promise<void> {
  const rates: Record<string, number> = {}
  print('variant   readers  deliveries/s  server µs each     p50 ms    p99 ms')
  for (const readers of [1000, 5000]) {
    // The plain recipe takes minutes for 5000.
    for (const variant of readers === 1000 ? ['raw', 'gateway', 'plain'] : ['raw', 'gateway']) {
      const trial = await Trial.start(variant, databaseUrl)
      await trial.connect(readers)
      await trial.flood(20)
      const { rate, cpu } = await trial.flood(variant === 'plain' ? 40 : 200)
      const { p50, p99 } = await trial.pace(50_000 / readers, readers / 5)
      rates[`${variant} ${readers}`] = rate
      print(
        `${variant.padEnd(9)} ${String(readers).padStart(7)}  ${thousands(rate).padStart(12)}  ${cpu.toFixed(1).padStart(14)}  ${p50.toFixed(1).padStart(9)} ${p99.toFixed(1).padStart(9)}`,
      )
      await trial.close()
    }
    const ratio = (other: string) =>
      ((rates[`gateway ${readers}`] ?? 0) / (rates[`${other} ${readers}`] ?? 1)).toFixed(2)
    const besidePlain = readers === 1000 ? `   gateway : plain = ${ratio('plain')}` : ''
    print(`          gateway : raw = ${ratio('raw')}${besidePlain}`)
  }
}

async function idle(databaseUrl: string): Promise<void> {
  print('\nvariant   bytes of heap per idle subscriber (5000), of resident memory')
  for (const variant of ['raw', 'gateway', 'plain']) {
    const trial = await Trial.start(variant, databaseUrl)
    await trial.connect(200)
    const before = await trial.memory()
    await trial.connect(5000)
    const after = await trial.memory()
    const each = (key: 'heap' | 'rss') => thousands((after[key] - before[key]) / 5000).padStart(8)
    print(`${variant.padEnd(9)} ${each('heap')} ${each('rss')}`)
    await trial.close()
  }
}

/** In turns, since a shared machine is not the same from one minute to the next: live readers alone, then beside stalled ones. */
async function stalled(databaseUrl: string): Promise<void> {
  const [ROUNDS, EVENTS, INTERVAL] = [5, 50, 100]
  const trial = await Trial.start('gateway', databaseUrl)
  await trial.connect(1000)
  await trial.flood(50)
  const rounds: Record<'alone' | 'beside', Latency[]> = { alone: [], beside: [] }
  const memories: Record<'before' | 'during' | 'after', Memory[]> = { before: [], during: [], after: [] }
  for (let round = 0; round < ROUNDS; round += 1) {
    memories.before.push(await trial.memory())
    rounds.alone.push(await trial.pace(EVENTS, INTERVAL))
    await trial.connect(1000, { stalled: true })
    // Their buffers fill up, then their queues: less than the 256 messages that these hold.
    await trial.flood(40)
    rounds.beside.push(await trial.pace(EVENTS, INTERVAL))
    memories.during.push(await trial.memory())
    // More than they hold.
    await trial.flood(300)
    await trial.endStalled()
    memories.after.push(await trial.memory())
  }
  await trial.close()
  const p50 = (of: readonly Latency[]) => median(of.map((latency) => latency.p50))
  const p99 = (of: readonly Latency[]) => median(of.map((latency) => latency.p99))
  print(`\n1000 live readers, ${ROUNDS} rounds             p50 ms    p99 ms (medians of the rounds)`)
  for (const [name, of] of Object.entries(rounds)) {
    print(`${name.padEnd(38)} ${p50(of).toFixed(1).padStart(6)}    ${p99(of).toFixed(1).padStart(6)}`)
  }
  const ratios = rounds.beside.map((latency, round) => latency.p99 / (rounds.alone[round]?.p99 ?? 0))
  print(
    `p99 beside 1000 stalled : alone = ${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
  )
  for (const [name, of] of Object.entries(memories)) {
    const mib = (key: keyof Memory) => (median(of.map((memory) => memory[key])) / 2 ** 20).toFixed(1)
    print(`${name.padEnd(8)} heap ${mib('heap')} MiB, resident ${mib('rss')} MiB`)
  }
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rtc-bench-'))
  const server = await startEmbeddedServer({ dataDir, log: createLogger('error') })
  try {
    const parts = process.argv.slice(2)
    const wanted = (part: string) => parts.length === 0 || parts.includes(part)
    if (wanted('compare')) await compare(server.url)
    if (wanted('idle')) await idle(server.url)
    if (!wanted('stalled')) return
    if (process.env[ISOLATED] === 'small') await stalled(server.url)
    else print('\nThe readers that stand still need root and a network of their own: not tried here.')
  } finally {
    await server.stop()
    await rm(dataDir, { recursive: true })
  }
}

if (process.env[ISOLATED]) await main()
else {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)].map((word) => `'${word}'`).join(' ')
  const run = (shell: string, isolated: string) =>
    spawnSync('sh', ['-c', shell], { stdio: 'inherit', env: { ...process.env, [ISOLATED]: isolated } })
  const probe = spawnSync('unshare', ['-n', 'sh', '-c', `ip link set lo up && sysctl -q -w ${SMALL_BUFFERS}`])
  if (probe.status === 0) {
    const inside = `unshare -n sh -c "ip link set lo up && sysctl -q -w ${SMALL_BUFFERS.replaceAll('"', "'")} && ${command}"`
    process.exitCode = run(inside, 'small').status ?? 1
  } else process.exitCode = run(command, 'no').status ?? 1
}
