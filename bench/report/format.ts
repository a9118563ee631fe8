import type { Spread } from '../harness/statistics.ts'

/** Three significant digits with separated thousands: `93 800`, `12.3`, `0.456`. */
export function formatNumber(value: number): string {
  if (value === 0) return '0'
  const magnitude = Math.floor(Math.log10(Math.abs(value)))
  const step = 10 ** (magnitude - 2)
  const rounded = Math.round(value / step) * step
  if (magnitude < 2) return rounded.toFixed(Math.min(6, 2 - magnitude))
  return Math.round(rounded)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ' ')
}

/** The median, and the smallest and the largest round. */
export const formatSpread = ({ median, min, max }: Spread): string =>
  `${formatNumber(median)} (${formatNumber(min)}–${formatNumber(max)})`
