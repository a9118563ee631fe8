import { Trial } from '../fan-out/trial.ts'
import type { Scene } from '../fan-out/variant.ts'
import { type Bench, inTurns, type Workload } from '../harness/workload.ts'

/** The compared variants, by their names in the results. */
const VARIANTS = {
  gateway: 'the gateway',
  raw: 'raw ws broadcast',
  plain: 'plain Yoga + graphql-ws',
} as const
type VariantName = keyof typeof VARIANTS
const NAMES = ['gateway', 'raw', 'plain'] as const

/** Deliveries per second during the latency measurement: about half of the slowest server's maximum. */
const PACE = 5000

async function withTrials<T>(
  { database }: Bench,
  scene: Scene,
  work: (trials: Readonly<Record<VariantName, Trial>>) => Promise<T>,
): Promise<T> {
  const trials: Trial[] = []
  const start = async (name: VariantName) => {
    const trial = await Trial.start(name, database.url, scene)
    trials.push(trial)
    return trial
  }
  try {
    return await work({ gateway: await start('gateway'), raw: await start('raw'), plain: await start('plain') })
  } finally {
    for (const trial of trials) await trial.close()
  }
}

const fanningOut = (id: string, title: string, scene: Scene, readers: number): Workload => ({
  id,
  title,
  description:
    'Each update carries the whole room. Updates are published in the server itself, as after a commit: as fast as the ' +
    `readers take them, then at a pace of ${PACE} deliveries a second, from publishing to receiving.`,
  metrics: [
    { name: 'deliveries/s', unit: 'deliveries/s', better: 'more' },
    { name: 'server time', unit: 'µs for each', better: 'less' },
    { name: 'p50', unit: 'ms', better: 'less' },
    { name: 'p99', unit: 'ms', better: 'less' },
  ],
  run: (bench) =>
    withTrials(bench, scene, async (trials) => {
      const each = readers / scene.rooms
      const interval = (each * 1000) / PACE
      const paced = Math.max(5, Math.round((bench.seconds * 1000) / interval))
      for (const name of NAMES) {
        await trials[name].connect(readers)
        await trials[name].flood({ milliseconds: bench.seconds * 500 })
      }
      return inTurns(
        NAMES,
        bench.rounds,
        async (name) => {
          const { rate, cpu } = await trials[name].flood({ milliseconds: bench.seconds * 1000 })
          const { p50, p99 } = await trials[name].pace(paced, interval)
          return { 'deliveries/s': rate, 'server time': cpu, p50, p99 }
        },
        VARIANTS,
      )
    }),
})

const ONE = { rooms: 1, members: 10 }

export const fanOut: readonly Workload[] = [
  ...[100, 1000, 5000].map((readers) =>
    fanningOut(`fan-out-${readers}`, `Fan-out to ${readers} readers of one room`, ONE, readers),
  ),
  fanningOut('fan-out-rooms', 'Fan-out in 1000 rooms of 5 readers', { rooms: 1000, members: 5 }, 5000),
]

export const idle: Workload = {
  id: 'idle',
  title: 'Memory of an idle subscriber',
  description: 'Heap and resident memory of the server for each of many readers of one room, alone on their sockets.',
  metrics: [
    { name: 'heap', unit: 'bytes', better: 'less' },
    { name: 'resident', unit: 'bytes', better: 'less' },
  ],
  run(bench) {
    const count = bench.quick ? 1000 : 5000
    return inTurns(
      NAMES,
      bench.rounds,
      async (name) => {
        const trial = await Trial.start(name, bench.database.url)
        try {
          await trial.connect(200)
          const before = await trial.memory()
          await trial.connect(count)
          const after = await trial.memory()
          return { heap: (after.heap - before.heap) / count, resident: (after.rss - before.rss) / count }
        } finally {
          await trial.close()
        }
      },
      VARIANTS,
    )
  },
}
