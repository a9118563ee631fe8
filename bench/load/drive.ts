import { percentile } from '../harness/statistics.ts'

export interface Driven {
  /** Steps per second. */
  readonly rate: number
  /** Duration of a step in milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Length of a load, as a duration or as a number of steps. */
export type Extent = { readonly seconds: number } | { readonly steps: number }

/**
 * Executes steps in several concurrent lanes; the steps of a lane are sequential.
 *
 * @param step - called with the lane's number, from 0, and the step's number among all steps
 * @throws whatever a step throws
 */
export async function drive(
  lanes: number,
  extent: Extent,
  step: (lane: number, index: number) => Promise<unknown>,
): Promise<Driven> {
  const latencies: number[] = []
  const start = performance.now()
  const until = 'seconds' in extent ? start + extent.seconds * 1000 : Infinity
  const steps = 'steps' in extent ? extent.steps : Infinity
  let next = 0
  const run = async (lane: number) => {
    while (next < steps && performance.now() < until) {
      const before = performance.now()
      await step(lane, next++)
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)))
  return {
    rate: latencies.length / ((performance.now() - start) / 1000),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  }
}
