import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { ROOT } from './harness/built.ts'
import { type Database, startDatabase } from './harness/database.ts'
import { machineFacts } from './harness/machine.ts'
import { type Results, withRun, type WorkloadResult } from './harness/results.ts'
import { seatsMaxOf } from './harness/seats.ts'
import { seed } from './harness/seed.ts'
import { ROOMS, SERVERS } from './harness/server.ts'
import type { Earlier } from './harness/workload.ts'
import { resultTable, writeReport } from './report/page.ts'
import { workloadsFor } from './workloads/all.ts'

/**
 * Compares the gateway with servers built with other libraries, all in one run.
 *
 *     npm run bench -- [--quick] [--only text …] [--rooms 10000] [--rounds 5] [--before directory] [--report]
 *
 * With more rooms than 10 000, the gateway runs beside itself with 10 000 rooms in a second database. `--before` adds the
 * gateway of an earlier commit, which is checked out and built in that directory, to reads and calls.
 *
 * Results are written to `bench/results/latest.json`, the page and its charts to `docs/benchmarks`. Results of a quick
 * run are not meaningful and are written to `bench/results/quick` only. `--report` only writes the page again.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [''] },
    rooms: { type: 'string', default: String(ROOMS) },
    rounds: { type: 'string' },
    before: { type: 'string' },
    report: { type: 'boolean', default: false },
  },
})
const { quick } = values
const rooms = Number(values.rooms)
const rounds = Number(values.rounds ?? (quick ? 3 : 5))
const seconds = quick ? 1 : 5

const [RESULTS, FOLDER] = quick
  ? [new URL('bench/results/quick/latest.json', ROOT), new URL('bench/results/quick/', ROOT)]
  : [new URL('bench/results/latest.json', ROOT), new URL('docs/benchmarks/', ROOT)]
const print = (text: string) => process.stdout.write(`${text}\n`)

async function load(): Promise<Results> {
  const text = await readFile(RESULTS, 'utf8').catch(() => undefined)
  return text === undefined ? { runs: [] } : (JSON.parse(text) as Results)
}

async function save(results: Results): Promise<void> {
  await mkdir(new URL('.', RESULTS), { recursive: true })
  await writeFile(RESULTS, `${JSON.stringify(results, null, 1)}\n`)
  await writeReport(results, FOLDER)
}

/** The gateway that is built in the directory, with a database of its own. */
async function earlierAt(directory: string, filled: (rooms: number, root: URL) => Promise<Database>): Promise<Earlier> {
  const commit = execFileSync('git', ['-C', directory, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const root = pathToFileURL(`${resolve(directory)}/`)
  return { root, commit, database: await filled(rooms, root) }
}

async function measure(): Promise<void> {
  const databases: Database[] = []
  const close = () => Promise.all(databases.splice(0).map((database) => database.close()))
  // Otherwise PostgreSQL would keep running.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().finally(() => process.exit(130)))
  }
  const filled = async (count: number, root?: URL): Promise<Database> => {
    print(`filling a database with ${count} rooms …`)
    const database = await startDatabase(root)
    databases.push(database)
    await seed(database, count)
    return database
  }
  try {
    const smaller = rooms > ROOMS ? await filled(ROOMS) : undefined
    const database = await filled(rooms)
    const before = values.before === undefined ? undefined : await earlierAt(values.before, filled)
    const machine = machineFacts(database.version)
    print(
      Object.entries(machine)
        .map((fact) => fact.join(': '))
        .join(' · '),
    )
    const chosen = workloadsFor(await seatsMaxOf(database)).filter(({ id, title }) =>
      values.only.some((text) => id.includes(text) || title.includes(text)),
    )
    const measured: WorkloadResult[] = []
    for (const { run, ...about } of chosen) {
      const started = performance.now()
      try {
        const servers = await run({ database, smaller, before, rounds, seconds, quick })
        const compared = servers.some(({ server }) => server === SERVERS.before)
        const at = new Date().toISOString()
        const result = { ...about, servers, at, ...(before && compared && { before: before.commit }) }
        measured.push(result)
        print(`\n${about.title} (${((performance.now() - started) / 1000).toFixed(0)} s)\n\n${resultTable(result)}`)
        // An aborted run keeps the results so far.
        await save(withRun(await load(), { rooms, quick, machine, workloads: measured }))
      } catch (error) {
        process.exitCode = 1
        print(`\n${about.title}: FAILED\n${error instanceof Error ? error.stack : String(error)}`)
      }
    }
  } finally {
    await close()
  }
}

if (values.report) await save(await load())
else await measure()
