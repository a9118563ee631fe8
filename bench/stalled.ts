import { spawnSync } from 'node:child_process'
import { type Latency, type Memory, Trial } from './fan-out/trial.ts'
import { startDatabase } from './harness/database.ts'
import { median } from './harness/statistics.ts'

/**
 * The effect of 1000 stalled subscribers on 1000 live ones of the same room. Rounds without and with stalled subscribers
 * alternate, because the load of a shared machine changes over time.
 *
 *     npm run bench:stalled
 *
 * Needs root on Linux: it runs in a network namespace with small socket buffers, since with the default buffers each
 * stalled subscriber would first have to be sent megabytes.
 */
const ISOLATED = 'RTC_BENCH_ISOLATED'
const SMALL_BUFFERS = "net.ipv4.tcp_rmem='4096 16384 16384' net.ipv4.tcp_wmem='4096 16384 32768'"
const PREPARE = `ip link set lo up && sysctl -q -w ${SMALL_BUFFERS}`
const [SUBSCRIBERS, ROUNDS, EVENTS, INTERVAL] = [1000, 5, 50, 100]

async function stalled(databaseUrl: string): Promise<void> {
  const trial = await Trial.start('gateway', databaseUrl)
  await trial.connect(SUBSCRIBERS)
  await trial.flood({ events: 50 })
  const rounds: Record<'alone' | 'beside', Latency[]> = { alone: [], beside: [] }
  const memories: Record<'before' | 'during' | 'after', Memory[]> = { before: [], during: [], after: [] }
  for (let round = 0; round < ROUNDS; round += 1) {
    memories.before.push(await trial.memory())
    rounds.alone.push(await trial.pace(EVENTS, INTERVAL))
    await trial.connect(SUBSCRIBERS, { stalled: true })
    // Fills the socket buffers and part of the queues, which hold 256 messages.
    await trial.flood({ events: 40 })
    rounds.beside.push(await trial.pace(EVENTS, INTERVAL))
    memories.during.push(await trial.memory())
    // Overflows the queues.
    await trial.flood({ events: 300 })
    await trial.endStalled()
    memories.after.push(await trial.memory())
  }
  await trial.close()
  const p50 = (of: readonly Latency[]) => median(of.map((latency) => latency.p50))
  const p99 = (of: readonly Latency[]) => median(of.map((latency) => latency.p99))
  print(`\n${SUBSCRIBERS} live subscribers, ${ROUNDS} rounds             p50 ms    p99 ms (medians of the rounds)`)
  for (const [name, of] of Object.entries(rounds)) {
    print(`${name.padEnd(38)} ${p50(of).toFixed(1).padStart(6)}    ${p99(of).toFixed(1).padStart(6)}`)
  }
  const ratios = rounds.beside.map((latency, round) => latency.p99 / (rounds.alone[round]?.p99 ?? 0))
  print(
    `p99 beside ${SUBSCRIBERS} stalled : alone = ${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
  )
  for (const [name, of] of Object.entries(memories)) {
    const mib = (key: keyof Memory) => (median(of.map((memory) => memory[key])) / 2 ** 20).toFixed(1)
    print(`${name.padEnd(8)} heap ${mib('heap')} MiB, resident ${mib('rss')} MiB`)
  }
}

const print = (text: string) => process.stdout.write(`${text}\n`)

if (process.env[ISOLATED]) {
  const database = await startDatabase()
  try {
    await stalled(database.url)
  } finally {
    await database.close()
  }
} else if (spawnSync('unshare', ['-n', 'sh', '-c', PREPARE]).status === 0) {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)].map((word) => `'${word}'`).join(' ')
  const env = { ...process.env, [ISOLATED]: 'yes' }
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', `${PREPARE} && ${command}`], { stdio: 'inherit', env })
  process.exitCode = status ?? 1
} else {
  print('Skipped: stalled subscribers need root and a network namespace.')
}
