import type { Workload } from '../harness/workload.ts'
import { calls } from './calls.ts'
import { fanOut, idle } from './fan-out.ts'
import { mutes, storm } from './groups.ts'
import { memory, start } from './process.ts'
import { reads } from './reads.ts'
import { resume } from './resume.ts'
import { connections, latency } from './sockets.ts'

/**
 * All workloads, in the order of execution and of the report.
 *
 * @param seatsMax - maximum number of members of a group
 */
export const workloadsFor = (seatsMax: number): readonly Workload[] => [
  ...reads,
  ...calls,
  ...[...new Set([10, 250, 1000, seatsMax])].filter((members) => members <= seatsMax).map(storm),
  mutes,
  latency,
  ...fanOut,
  resume,
  connections,
  idle,
  start,
  memory,
]
