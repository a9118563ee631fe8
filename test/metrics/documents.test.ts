import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { CATALOGUE } from '../../src/metrics/catalogue.ts'
import { processMetrics } from '../../src/metrics/process.ts'

const document = await readFile(fileURLToPath(new URL('../../docs/operations/metrics.md', import.meta.url)), 'utf8')

/** The rows of the tables whose first cell is the name of a metric: name, type, labels, what. */
const rows = document
  .split('\n')
  .filter((line) => /^\| `(rtc|process|nodejs)_/.test(line))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
const rowsOf = (prefix: RegExp) => rows.filter(([name = '']) => prefix.test(name))

test('docs/operations/metrics.md has a row for each metric of the gateway, with its type, labels and help', () => {
  const expected = Object.entries(CATALOGUE).map(([name, { type, labels, help }]) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(' '),
    help,
  ])
  expect(rowsOf(/^`rtc_/)).toEqual(expected)
})

test('docs/operations/metrics.md has a row for each metric of the process', async () => {
  const metrics = await processMetrics().getMetricsAsJSON()
  const expected = metrics.map(({ name, type, help }) => [`\`${name}\``, String(type), help])
  expect(rowsOf(/^`(process|nodejs)_/).map(([name, type, , help]) => [name, type, help])).toEqual(expected)
})
