import type { Database } from './database.ts'
import type { Measured, Metric } from './results.ts'
import { Server, type ServerName, SERVERS } from './server.ts'

/** The environment of a workload. */
export interface Bench {
  readonly database: Database
  readonly rounds: number
  /** Duration of one measurement. */
  readonly seconds: number
  readonly quick: boolean
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

/** Runs all servers at once, each in its own process; only the measured one is under load. */
export async function withServers<T>(
  names: readonly ServerName[],
  databaseUrl: string,
  work: (servers: ReadonlyMap<ServerName, Server>) => Promise<T>,
): Promise<T> {
  const servers = new Map<ServerName, Server>()
  try {
    for (const name of names) servers.set(name, await Server.start(name, databaseUrl))
    return await work(servers)
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()))
  }
}

/** Measures running servers in turns. */
export const compare = (
  names: readonly ServerName[],
  { database, rounds }: Bench,
  prepare: (server: Server) => Promise<{
    /** One measurement; a warm-up run before the first round is discarded. */
    measure(): Promise<Readonly<Record<string, number>>>
    close?(): void
  }>,
): Promise<readonly Measured[]> =>
  withServers(names, database.url, async (servers) => {
    const contestants = new Map<ServerName, Awaited<ReturnType<typeof prepare>>>()
    for (const [name, server] of servers) contestants.set(name, await prepare(server))
    const measure = (name: ServerName) => contestants.get(name)?.measure() ?? Promise.reject(new Error(name))
    try {
      for (const name of names) await measure(name)
      return await inTurns(names, rounds, measure, SERVERS)
    } finally {
      for (const contestant of contestants.values()) contestant.close?.()
    }
  })
