import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bus } from '../src/events/bus.ts'
import type { Notice } from '../src/events/notice.ts'
import { built } from './harness/built.ts'
import { startDatabase } from './harness/database.ts'
import { median, percentile } from './harness/statistics.ts'

/**
 * Notices between nodes: PostgreSQL's NOTIFY beside NATS, by number of nodes.
 *
 *     npm run bench:bus
 *
 * Every node is a `Bus` of its own, with its own connection. Rooms are spread over the nodes: each node watches its share
 * of the rooms and announces notices about all of them, as nodes behind a load balancer do. In each round, notices are
 * announced at a fixed total rate; processor time is that of the server (all PostgreSQL processes, or nats-server) and of
 * all nodes together. Needs Linux, and Debian's nats-server.
 */
const NODES = [2, 8, 32, 64]
const [RATE, SECONDS, ROUNDS, ROOMS] = [2_000, 4, 3, 6_400]
const TICKS_PER_SECOND = 100
const NATS_PORT = 14_222

interface Round {
  /** Microseconds of processor time per notice. */
  readonly server: number
  readonly nodes: number
  /** Milliseconds from the announcement to the watching node. */
  readonly p50: number
  readonly p99: number
  /** Notices received by all nodes, per announced notice. */
  readonly received: number
}

const print = (text: string) => process.stdout.write(`${text}\n`)
const roomId = (index: number) => `01900000-0000-7000-8000-${String(index).padStart(12, '0')}`

/** Processor time of processes in microseconds. */
async function processorTime(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
    }),
  )
  return (times.reduce((total, ticks) => total + ticks, 0) * 1_000_000) / TICKS_PER_SECOND
}

/** The ids of all processes whose command line matches. */
async function processes(pattern: RegExp): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => pattern.test(lines[index] ?? '')).map(Number)
}

type Transport = 'notify' | 'nats'

async function measure(transport: Transport, count: number, databaseUrl: string, server: RegExp): Promise<Round> {
  const { Bus } = await built<typeof import('../src/events/bus.ts')>('events/bus')
  const { createNotifyBus } = await built<typeof import('../src/events/notify-bus.ts')>('events/notify-bus')
  const { createNatsBus } = await built<typeof import('../src/events/nats-bus.ts')>('events/nats-bus')
  const { roomTopic } = await built<typeof import('../src/events/notice.ts')>('events/notice')
  const { createLogger } = await built<typeof import('../src/core/logger.ts')>('core/logger')
  const log = createLogger('error')
  const sentAt = new Map<string, number>()
  const lags: number[] = []
  let received = 0
  const nodes: Bus[] = Array.from({ length: count }, (_, index) => {
    const nodeId = `node-${index}`
    const bus: Bus = new Bus({
      transport:
        transport === 'nats'
          ? createNatsBus({ url: `nats://127.0.0.1:${NATS_PORT}`, nodeId, log })
          : createNotifyBus({ databaseUrl, nodeId, log }),
      onNotice(notice: Notice) {
        received += 1
        if (notice.kind !== 'room' || Number(notice.roomId.slice(-12)) % count !== index) return
        const at = sentAt.get(`${notice.roomId}:${notice.seq}`)
        if (at !== undefined) lags.push(performance.now() - at)
      },
      onGap: () => undefined,
      log,
      observer: {},
    })
    return bus
  })
  for (const [index, node] of nodes.entries()) {
    for (let room = index; room < ROOMS; room += count) node.watch(roomTopic(roomId(room)))
    node.start()
  }
  while (!nodes.every((node) => node.state().connected)) await delay(20)
  await delay(300)
  const pids = await processes(server)
  const before = { server: await processorTime(pids), nodes: process.cpuUsage() }
  received = 0
  const total = RATE * SECONDS
  const start = performance.now()
  for (let index = 0; index < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - start) / 1000) * RATE))
    for (; index < due; index += 1) {
      // Announced by another node than the one that watches the room.
      const room = (index * 7919) % ROOMS
      const node = nodes[(room + 1 + (index % Math.max(1, count - 1))) % count]
      sentAt.set(`${roomId(room)}:${index}`, performance.now())
      node?.announce({ kind: 'room', roomId: roomId(room), seq: index })
    }
    await delay(2)
  }
  for (let waited = 0; lags.length < total && waited < 5_000; waited += 50) await delay(50)
  const cpu = process.cpuUsage(before.nodes)
  const used = { server: (await processorTime(pids)) - before.server, nodes: cpu.user + cpu.system }
  for (const node of nodes) await node.close()
  if (lags.length < total * 0.99) throw new Error(`${transport}: only ${lags.length} of ${total} notices arrived`)
  return {
    server: used.server / total,
    nodes: used.nodes / total,
    p50: percentile(lags, 0.5),
    p99: percentile(lags, 0.99),
    received: received / total,
  }
}

const database = await startDatabase()
const nats = spawn('nats-server', ['--addr', '127.0.0.1', '--port', String(NATS_PORT)], { stdio: 'ignore' })
try {
  await delay(500)
  print(`${RATE} notices/s for ${SECONDS} s, ${ROUNDS} rounds each, medians. Processor time in µs per notice.\n`)
  print('nodes  bus     server   nodes   received by  p50 ms  p99 ms')
  for (const count of NODES) {
    const rounds: Record<Transport, Round[]> = { notify: [], nats: [] }
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.notify.push(await measure('notify', count, database.url, /^postgres/))
      rounds.nats.push(await measure('nats', count, database.url, /nats-server/))
    }
    for (const [transport, of] of Object.entries(rounds)) {
      const value = (key: keyof Round, digits: number) => median(of.map((round) => round[key])).toFixed(digits)
      print(
        `${String(count).padStart(5)}  ${transport.padEnd(6)} ${value('server', 0).padStart(7)} ${value('nodes', 0).padStart(7)}` +
          `${value('received', 1).padStart(14)} ${value('p50', 1).padStart(7)} ${value('p99', 1).padStart(7)}`,
      )
    }
  }
} finally {
  nats.kill()
  await once(nats, 'exit')
  await database.close()
}
