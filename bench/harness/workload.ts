import type { Database } from './database.ts'
import type { Measured, Metric } from './results.ts'
import { Server, type ServerName, SERVERS } from './server.ts'

/** The environment of a workload. */
export interface Bench {
  readonly database: Database
  /** A database with {@link ROOMS}, for a second gateway; undefined if `database` is not larger. */
  readonly smaller?: Database | undefined
  /** An earlier gateway; undefined if none is compared. */
  readonly before?: Earlier | undefined
  readonly rounds: number
  /** Duration of one measurement. */
  readonly seconds: number
  readonly quick: boolean
}

/** A built gateway of an earlier commit. */
export interface Earlier {
  readonly root: URL
  readonly commit: string
  /** With its tables and as many rooms as {@link Bench.database}. */
  readonly database: Database
}

export interface Workload {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly metrics: readonly Metric[]
  run(bench: Bench): Promise<readonly Measured[]>
}

/**
 * Measures all servers in each round, with alternating order, so that no server is always first and changes of the
 * machine's load affect all servers alike.
 *
 * @param measure - returns a value for each metric
 */
export async function inTurns<N extends string>(
  names: readonly N[],
  rounds: number,
  measure: (name: N, round: number) => Promise<Readonly<Record<string, number>>>,
  labels: Readonly<Record<N, string>>,
): Promise<readonly Measured[]> {
  const values = new Map<N, Record<string, number[]>>(names.map((name) => [name, {}]))
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const measured = await measure(name, round)
      const before = values.get(name) ?? {}
      for (const [metric, value] of Object.entries(measured)) (before[metric] ??= []).push(value)
    }
  }
  return names.map((name) => ({ server: labels[name], rounds: values.get(name) ?? {} }))
}

/** The servers of a workload; also the gateway on the smaller database, and the earlier one, if there are any. */
export const contestants = (names: readonly ServerName[], { smaller, before }: Bench): readonly ServerName[] => [
  ...names,
  ...(smaller ? (['smaller'] as const) : []),
  ...(before ? (['before'] as const) : []),
]

/** Starts a server on the database that it is measured with. */
export const startServer = (name: ServerName, { database, smaller = database, before }: Bench): Promise<Server> =>
  name === 'before' && before
    ? Server.start(name, before.database, before.root)
    : Server.start(name, name === 'smaller' ? smaller : database)

/** Runs all servers at once, each in its own process; only the measured one is under load. */
async function withServers<T>(
  names: readonly ServerName[],
  bench: Bench,
  work: (servers: ReadonlyMap<ServerName, Server>) => Promise<T>,
): Promise<T> {
  const servers = new Map<ServerName, Server>()
  try {
    for (const name of names) servers.set(name, await startServer(name, bench))
    return await work(servers)
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()))
  }
}

interface Contestant {
  measure(): Promise<Readonly<Record<string, number>>>
  /** Runs before the first round. @default a measurement that is discarded */
  warmUp?(): Promise<unknown>
  close?(): void
}

/** Measures running servers in turns. */
export const compare = (
  servers: readonly ServerName[],
  bench: Bench,
  prepare: (server: Server) => Promise<Contestant>,
): Promise<readonly Measured[]> => {
  const names = contestants(servers, bench)
  return withServers(names, bench, async (running) => {
    const prepared = new Map<ServerName, Contestant>()
    const contestantOf = (name: ServerName): Contestant => {
      const contestant = prepared.get(name)
      if (!contestant) throw new Error(`${name} is not prepared`)
      return contestant
    }
    try {
      for (const [name, server] of running) prepared.set(name, await prepare(server))
      for (const contestant of prepared.values()) await (contestant.warmUp ?? contestant.measure)()
      return await inTurns(names, bench.rounds, (name) => contestantOf(name).measure(), SERVERS)
    } finally {
      for (const contestant of prepared.values()) contestant.close?.()
    }
  })
}
