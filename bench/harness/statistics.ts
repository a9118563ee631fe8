/** Summary of several rounds of one measurement. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/**
 * The median; the mean of the two middle values if their number is even.
 *
 * @throws RangeError without values
 */
export function median(values: readonly number[]): number {
  const sorted = ascending(values)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  if (low === undefined || high === undefined) throw new RangeError('there is no median of nothing')
  return (low + high) / 2
}

/** @throws RangeError without values */
export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
})

/**
 * The percentile by nearest rank: the smallest value that at least this part of the values does not exceed.
 *
 * @param part - above 0, at most 1
 * @throws RangeError without values
 */
export function percentile(values: Iterable<number>, part: number): number {
  const sorted = Float64Array.from(values).toSorted()
  const value = sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]
  if (value === undefined) throw new RangeError('there is no percentile of nothing')
  return value
}

/** Whether higher or lower values are better. */
export type Better = 'more' | 'less'

/**
 * The ratio of the first server to the second in each round; above 1, the first is better. Only values of the same round
 * are compared, because the load of a shared machine changes over time.
 */
export const timesBetter = (ours: readonly number[], theirs: readonly number[], better: Better): Spread =>
  spreadOf(
    ours.map((our, round) => {
      const their = theirs[round] ?? NaN
      return better === 'more' ? our / their : their / our
    }),
  )

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)
