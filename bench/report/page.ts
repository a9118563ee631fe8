import { mkdir, rm, writeFile } from 'node:fs/promises'
import type { Results, Run, WorkloadResult } from '../harness/results.ts'
import { GATEWAY_SETTINGS, ROOMS, SERVERS } from '../harness/server.ts'
import { spreadOf, timesBetter } from '../harness/statistics.ts'
import { barChart, inUnit } from './chart.ts'
import { formatNumber, formatSpread } from './format.ts'
import { markdownTable } from './table.ts'

const PEERS = [
  [
    'Yoga + Pothos + Prisma',
    'GraphQL Yoga, Pothos with its Prisma plugin, graphql-ws with Yoga’s pub/sub',
    '[Yoga](https://the-guild.dev/graphql/yoga-server/docs/features/subscriptions), [Pothos](https://pothos-graphql.dev/docs/plugins/prisma)',
  ],
  [
    'Apollo Server + Prisma',
    'Apollo Server 5 behind Express 5, graphql-ws with `PubSub`, Prisma’s fluent API for relations',
    '[Apollo](https://www.apollographql.com/docs/apollo-server/data/subscriptions)',
  ],
  [
    'Mercurius (JIT) + Prisma',
    'Mercurius on Fastify, `jit: 1`, its loaders and its own subscriptions; REST by routes of Fastify',
    '[Mercurius](https://mercurius.dev/#/docs/subscriptions)',
  ],
  [
    'node:http + pg, by hand',
    'the limit: one prepared statement for each operation, whose answer is sent as PostgreSQL wrote it; no GraphQL, no rules',
    '[pg](https://node-postgres.com/features/queries#prepared-statements)',
  ],
  [
    'raw ws broadcast',
    'the limit of fan-out: the same bytes to every socket of the `ws` library',
    '[ws](https://github.com/websockets/ws#server-broadcast)',
  ],
  [
    'plain Yoga + graphql-ws',
    'fan-out alone, without a database: the recipe of Yoga’s documentation',
    '[Yoga](https://the-guild.dev/graphql/yoga-server/docs/features/subscriptions)',
  ],
]

const METHOD = `\
- Every server is a process of its own, built or compiled beforehand, with \`NODE_ENV=production\`; the clients are in
  another process. All servers, clients and PostgreSQL share one machine.
- All use one PostgreSQL, the one that the gateway brings along, with the gateway’s tables and the same rows, with ten
  connections each, and verify the same HS256 token with \`jose\` on every request or connection.
- The peers of one workload run at the same time, idle but for the one that is measured. They are measured in turns, in
  each round all of them, one round forward and the next one backward. Each was warmed up by one measurement before.
- Before anything is measured, the answers of all servers are compared: they must be deeply equal, in commands but for ids
  and times.
- Values are medians of the rounds, with the smallest and the largest round. “Times better” compares the gateway with the
  other server round by round: above 1 the gateway is better, whether more or less of the value is.
- The peers write in interactive transactions with a row lock, as Prisma recommends; their time limits are raised to 60
  seconds, since the defaults fail where many wait for one room. They check less than the gateway does, and keep no
  leases, deadlines, limits or cursors.`

/** The page with all results. */
export function page({ runs }: Results, command = 'npm run bench'): string {
  const sections = runs.map((run) => runSection(run, runs.length > 1))
  return `# The gateway beside what others would build

\`${command}\` measures all of this anew, in one run, and writes this page: the gateway beside servers that do the same work
in the way that the documentation of their libraries recommends. \`npm run bench -- --rooms 1000000\` does so with a million
rooms in the database, \`--quick\` only shows that everything runs, \`--only <text>\`, once or several times, selects workloads by
name. \`--before <directory>\` adds the gateway of an earlier commit, checked out and built there.

## Who is compared

${markdownTable(['server', 'what it is', 'as in'], PEERS)}

## How it is measured

${METHOD}

The gateway runs as \`npm start\` runs it, but for settings that would be measured in its place:

${markdownTable(
  ['variable', 'value', 'since'],
  Object.entries(GATEWAY_SETTINGS).map(([name, { value, reason }]) => [`\`${name}\``, `\`${value}\``, reason]),
)}

${sections.length > 0 ? sections.join('\n\n') : '## Results\n\nNo run is recorded yet.'}
`
}

function runSection({ rooms, quick, machine, workloads }: Run, isOneOfMany: boolean): string {
  const title = isOneOfMany ? `Results with ${formatNumber(rooms)} rooms` : 'Results'
  const facts = markdownTable(
    ['where', 'when'],
    [
      ['processor', `${machine.cpu}, ${machine.cores} cores`],
      ['memory', `${machine.memoryGiB} GiB`],
      ['system', machine.kernel],
      ['Node.js', machine.node],
      ['PostgreSQL', machine.postgres],
      ['commit', machine.commit],
      ['rooms in the database', formatNumber(rooms)],
      ['date', machine.date],
    ],
  )
  const warning = quick ? ['This was a quick run: it shows that everything works, and no more.'] : []
  const beside =
    rooms > ROOMS
      ? [
          `“${SERVERS.smaller}” is the same gateway on a second PostgreSQL, measured in turns with the others. Fan-out uses no ` +
            'database and is not measured twice.',
        ]
      : []
  return [
    `## ${title}`,
    facts,
    ...beside,
    ...warning,
    ...workloads.map((workload) => workloadSection(workload, rooms, machine.commit)),
  ].join('\n\n')
}

/** @param latest - the commit of the latest run */
function workloadSection(workload: WorkloadResult, rooms: number, latest: string): string {
  const { title, description, commit = latest, before } = workload
  const earlier = commit === latest ? [] : [`Measured in an earlier run, of commit ${commit}.`]
  return [
    `### ${title}`,
    description,
    ...earlier,
    ...(before === undefined ? [] : [`“${SERVERS.before}” is commit ${before}, on a PostgreSQL of its own.`]),
    `![${title}](${chartPath(workload, rooms)})`,
    resultTable(workload),
  ].join('\n\n')
}

/** A row for each server, with the gateway's ratio by the first and by the last metric. */
export function resultTable({ metrics, servers }: WorkloadResult): string {
  const [ours] = servers
  const compared = metrics.length > 1 ? [...new Set([metrics[0], metrics.at(-1)])] : metrics.slice(0, 1)
  const header = [
    'server',
    ...metrics.map(({ name, unit }) => inUnit(name, unit)),
    ...compared.map((metric) => `times better, ${metric?.name}`),
  ]
  const rows = servers.map((server, index) => {
    const values = metrics.map(({ name }) => {
      const rounds = server.rounds[name] ?? []
      return rounds.length > 0 ? formatSpread(spreadOf(rounds)) : ''
    })
    const ratios = compared.map((metric) => {
      const [our, their] = [ours?.rounds[metric?.name ?? ''] ?? [], server.rounds[metric?.name ?? ''] ?? []]
      if (!metric || index === 0 || our.length === 0 || their.length === 0) return ''
      return formatSpread(timesBetter(our, their, metric.better))
    })
    return [server.server, ...values, ...ratios]
  })
  return markdownTable(header, rows, { numbers: 1 })
}

const chartPath = ({ id }: WorkloadResult, rooms: number): string => `charts/${rooms}/${id}.svg`

/** Writes the page and its charts to a directory. */
export async function writeReport(results: Results, folder: URL): Promise<void> {
  await rm(new URL('charts', folder), { recursive: true, force: true })
  for (const { rooms, workloads } of results.runs) {
    await mkdir(new URL(`charts/${rooms}/`, folder), { recursive: true })
    for (const workload of workloads) {
      await writeFile(new URL(chartPath(workload, rooms), folder), barChart(workload))
    }
  }
  await mkdir(folder, { recursive: true })
  await writeFile(new URL('README.md', folder), page(results))
}
