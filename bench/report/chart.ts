import type { WorkloadResult } from '../harness/results.ts'
import { spreadOf } from '../harness/statistics.ts'
import { formatNumber } from './format.ts'

const WIDTH = 760
const LABELS = 270
const VALUES = 110
const BAR = 22
const GAP = 10
const HEAD = 44

/** A chart with a bar for each server's median and a line for its range. Readable in light and dark mode. */
export function barChart({ title, metrics, servers }: WorkloadResult): string {
  const [metric] = metrics
  if (!metric) throw new TypeError('a workload has at least one metric')
  const bars = servers.flatMap(({ server, rounds }) => {
    const values = rounds[metric.name] ?? []
    return values.length > 0 ? [{ server, ...spreadOf(values) }] : []
  })
  const scale = (WIDTH - LABELS - VALUES) / Math.max(...bars.map(({ max }) => max), Number.MIN_VALUE)
  const height = HEAD + bars.length * (BAR + GAP) + GAP
  const x = (value: number) => (LABELS + value * scale).toFixed(1)
  const rows = bars.map(({ server, median, min, max }, index) => {
    const top = HEAD + index * (BAR + GAP)
    const middle = top + BAR / 2
    return [
      `<text x="${LABELS - 10}" y="${middle + 4}" text-anchor="end">${escapeXml(server)}</text>`,
      `<rect class="${index === 0 ? 'ours' : 'theirs'}" x="${LABELS}" y="${top}" width="${(median * scale).toFixed(1)}" height="${BAR}"/>`,
      `<path class="spread" d="M${x(min)} ${middle}H${x(max)}M${x(min)} ${middle - 4}v8M${x(max)} ${middle - 4}v8"/>`,
      `<text x="${Number(x(max)) + 8}" y="${middle + 4}">${escapeXml(formatNumber(median))}</text>`,
    ].join('\n')
  })
  const label = `${title}: ${metric.name}`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(label)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.ours { fill: #1a7f37 }
.theirs { fill: #8c959f }
.spread { stroke: #1f2328; fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ours { fill: #3fb950 }
.theirs { fill: #6e7681 }
.spread { stroke: #e6edf3 }
}
</style>
<text class="title" x="8" y="20">${escapeXml(title)}</text>
<text x="8" y="37">${escapeXml(`${inUnit(metric.name, metric.unit)}, ${metric.better} is better`)}</text>
${rows.join('\n')}
</svg>
`
}

/** `p99, ms`; only the unit if it is sufficient. */
export const inUnit = (name: string, unit: string): string => (name === unit ? unit : `${name}, ${unit}`)

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escapeXml = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
