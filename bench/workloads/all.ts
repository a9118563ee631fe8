import type { Workload } from '../harness/workload.ts'
import { calls } from './calls.ts'
import { fanOut, idle } from './fan-out.ts'
import { mutes, storm } from './groups.ts'
import { memory, start } from './process.ts'
import { reads } from './reads.ts'
import { resume } from './resume.ts'
import { connections, latency } from './sockets.ts'

/**
 * Every workload, in the order in which they run and are shown.
 *
 * @param seatsMax - members that a group may have
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
