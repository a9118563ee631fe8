import type { Machine } from './machine.ts'
import type { Better } from './statistics.ts'

/** A measured quantity of each server; the chart shows the first metric of a workload. */
export interface Metric {
  readonly name: string
  readonly unit: string
  readonly better: Better
}

/** The values of one server by metric, one per round. */
export interface Measured {
  readonly server: string
  readonly rounds: Readonly<Record<string, readonly number[]>>
}

export interface WorkloadResult {
  readonly id: string
  readonly title: string
  /** What was executed and measured. */
  readonly description: string
  readonly metrics: readonly Metric[]
  /** The gateway first. */
  readonly servers: readonly Measured[]
  /** When it was measured: ISO 8601. */
  readonly at: string
  /** The commit that was measured; absent in the results of a run that have not been merged. */
  readonly commit?: string
  /** The commit of the earlier gateway, if one was compared. */
  readonly before?: string
}

/** All workloads with one size of the database. */
export interface Run {
  /** Rooms in the database beside those that the workloads make. */
  readonly rooms: number
  /** Fewer and shorter rounds: shows that everything works, and no more. */
  readonly quick: boolean
  readonly machine: Machine
  readonly workloads: readonly WorkloadResult[]
}

export interface Results {
  readonly runs: readonly Run[]
}

/** Merges the results of a further run, which replace earlier results of the same workloads. */
export function withRun({ runs }: Results, run: Run): Results {
  const before = runs.find(({ rooms }) => rooms === run.rooms)
  const measured = new Set(run.workloads.map(({ id }) => id))
  const kept = before ? withCommits(before).filter(({ id }) => !measured.has(id)) : []
  const others = runs.filter(({ rooms }) => rooms !== run.rooms)
  return {
    runs: [...others, { ...run, workloads: [...kept, ...withCommits(run)] }].toSorted((a, b) => a.rooms - b.rooms),
  }
}

const withCommits = ({ machine, workloads }: Run): WorkloadResult[] =>
  workloads.map((workload) => ({ commit: machine.commit, ...workload }))
