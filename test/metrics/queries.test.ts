import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { CATALOGUE } from '../../src/metrics/catalogue.ts'
import { processMetrics } from '../../src/metrics/process.ts'
import { ALERTS, dashboardPanels, filledIn } from './prometheus.ts'

/** The labels of each metric, including the series of histograms. */
const labelsByName = new Map<string, ReadonlySet<string>>()
const add = (name: string, type: string, labels: readonly string[]) => {
  // Prometheus adds the labels of the scraped target.
  const known = new Set([...labels, 'instance', 'job'])
  if (type !== 'histogram') labelsByName.set(name, known)
  else {
    labelsByName.set(`${name}_bucket`, new Set([...known, 'le']))
    for (const suffix of ['_sum', '_count']) labelsByName.set(name + suffix, known)
  }
}
for (const [name, { type, labels }] of Object.entries(CATALOGUE)) add(name, type, labels)
for (const { name, type, values } of await processMetrics().getMetricsAsJSON()) {
  add(name, String(type), name === 'nodejs_gc_duration_seconds' ? ['kind'] : Object.keys(values[0]?.labels ?? {}))
}
labelsByName.set('up', new Set(['instance', 'job']))

/** What a query names that no scrape contains. */
function unknownIn(query: string): string[] {
  const plain = query.replaceAll(/"[^"]*"/g, '""')
  const names = plain.match(/\b(?:rtc|process|nodejs)_\w+|\bup\b/g) ?? []
  const labels = new Set(names.flatMap((name) => [...(labelsByName.get(name) ?? [])]))
  const used = [
    ...[...plain.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) => [...list.matchAll(/(\w+)\s*[=!]/g)]),
    ...[...plain.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => [...list.matchAll(/(\w+)/g)]),
  ].map(([, label = '']) => label)
  return [
    ...(names.length === 0 ? [`no metric in ${query}`] : []),
    ...names.filter((name) => !labelsByName.has(name)),
    ...used.filter((label) => !labels.has(label)),
  ]
}

test('a query with an unknown metric or label is recognised', () => {
  expect(unknownIn('sum by (code) (rate(rtc_no_such_metric[1m]))')).toEqual(['rtc_no_such_metric', 'code'])
  expect(unknownIn('rtc_rooms{state="active"}')).toEqual(['state'])
  expect(unknownIn('rtc_time_to_answer_seconds')).toEqual(['rtc_time_to_answer_seconds'])
})

describe('the dashboard', async () => {
  const panels = await dashboardPanels()

  test.each(panels)('$title: every metric and label exists', ({ queries }) => {
    expect(queries.flatMap((query) => unknownIn(filledIn(query, '1m')))).toEqual([])
  })

  test('shows every metric of the gateway', () => {
    const shown = panels.flatMap(({ queries }) => queries).join(' ')
    expect(
      Object.keys(CATALOGUE).filter((name) => !new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(shown)),
    ).toEqual([])
  })
})

describe('the alerts', async () => {
  /** Alerts by name, with their text. The file is written so that its rules can be split at `- alert:`. */
  const alerts = (await readFile(ALERTS, 'utf8'))
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((text) => ({
      name: text.split('\n')[0] ?? '',
      expression: /^ {8}expr: (?:>-\n)?([\s\S]*?)(?=\n {8}\w+:)/m.exec(text)?.[1] ?? '',
      text,
    }))

  test.each(alerts)('$name: every metric and label exists', ({ expression }) => {
    expect(unknownIn(expression)).toEqual([])
  })

  test.each(alerts)('$name says what is wrong and what to do', ({ text }) => {
    expect(text).toMatch(/severity: (page|ticket)/)
    expect(text).toMatch(/\n {10}summary: /)
    expect(text).toMatch(/\n {10}runbook: >-\n {12}\S/)
  })

  test('each has a case in which it fires', async () => {
    const cases = await readFile(new URL('alerts.test.yml', import.meta.url), 'utf8')
    expect(alerts.length).toBeGreaterThan(15)
    expect(
      alerts.filter(({ name }) => !cases.includes(`alertname="${name}"}', value: 1`)).map(({ name }) => name),
    ).toEqual([])
  })
})
