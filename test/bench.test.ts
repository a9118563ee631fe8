import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { type Results, withRun, type WorkloadResult } from '../bench/harness/results.ts'
import { requireSame, withoutIdentity } from '../bench/harness/same.ts'
import { median, percentile, spreadOf, timesBetter } from '../bench/harness/statistics.ts'
import { inTurns } from '../bench/harness/workload.ts'
import { parseReply } from '../bench/load/http.ts'
import { barChart } from '../bench/report/chart.ts'
import { formatNumber, formatSpread } from '../bench/report/format.ts'
import { page, resultTable } from '../bench/report/page.ts'
import { markdownTable } from '../bench/report/table.ts'

const sample: WorkloadResult = {
  id: 'sample',
  title: 'Reading <rooms> & "more"',
  description: 'What was done.',
  metrics: [
    { name: 'requests/s', unit: 'requests/s', better: 'more' },
    { name: 'p99', unit: 'ms', better: 'less' },
  ],
  servers: [
    { server: 'the gateway', rounds: { 'requests/s': [3000, 1000, 2000], p99: [5, 4, 6] } },
    { server: 'a peer | another', rounds: { 'requests/s': [1000, 1000, 1000], p99: [10, 10, 10] } },
  ],
  at: '2026-01-31T10:30:00.000Z',
}
const machine = {
  cpu: 'a processor',
  cores: 2,
  memoryGiB: 24,
  kernel: 'Linux',
  node: 'v20.19.0',
  postgres: '18.4',
  commit: 'abc1234',
  date: '2026-01-31',
}

describe('statistics', () => {
  test('the median is the middle value, or the mean of the two middle values', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(() => median([])).toThrow(RangeError)
  })

  test('the spread consists of the smallest and the largest round', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
  })

  test('a percentile is computed by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(percentile(hundred, 0.5)).toBe(50)
    expect(percentile(hundred, 0.99)).toBe(99)
    expect(percentile([7], 0.99)).toBe(7)
    expect(() => percentile([], 0.5)).toThrow(RangeError)
  })

  test('a ratio above 1 means that the first server is better, for rates and for times', () => {
    expect(timesBetter([200, 300], [100, 100], 'more')).toEqual({ median: 2.5, min: 2, max: 3 })
    expect(timesBetter([5, 5], [10, 20], 'less')).toEqual({ median: 3, min: 2, max: 4 })
  })
})

describe('rounds', () => {
  test('alternate the order of the servers, and record one value per round', async () => {
    const order: string[] = []
    const measured = await inTurns(
      ['a', 'b'],
      3,
      async (name, round) => {
        order.push(name)
        return { value: round }
      },
      { a: 'A', b: 'B' },
    )
    expect(order.join('')).toBe('abbaab')
    expect(measured).toEqual([
      { server: 'A', rounds: { value: [0, 1, 2] } },
      { server: 'B', rounds: { value: [0, 1, 2] } },
    ])
  })

  test('of a later run replace earlier results of the same workloads', () => {
    const run = { rooms: 10, quick: false, machine, workloads: [sample, { ...sample, id: 'other' }] }
    const later = { ...run, workloads: [{ ...sample, title: 'again' }] }
    const { runs } = withRun(withRun(withRun({ runs: [] }, run), { ...run, rooms: 5 }), later)
    expect(runs.map(({ rooms, workloads }) => [rooms, workloads.map(({ title }) => title)])).toEqual([
      [5, [sample.title, sample.title]],
      [10, [sample.title, 'again']],
    ])
  })

  test('keep the commit that was measured', () => {
    const run = { rooms: 10, quick: false, machine, workloads: [sample, { ...sample, id: 'other' }] }
    const later = { ...run, machine: { ...machine, commit: 'def5678' }, workloads: [sample] }
    const results = withRun(withRun({ runs: [] }, run), later)
    expect(results.runs[0]?.workloads.map(({ id, commit }) => [id, commit])).toEqual([
      ['other', 'abc1234'],
      ['sample', 'def5678'],
    ])
    const [latest = '', earlier = ''] = page(results).split('## Results')[1]?.split('### ').slice(1).toReversed() ?? []
    expect(earlier).toContain('Measured in an earlier run, of commit abc1234.')
    expect(latest).not.toContain('an earlier run')
  })
})

describe('answers', () => {
  const id = (digit: number) => `00000000-0000-7000-8000-00000000000${digit}`
  const answer = (room: string, joinedAt: string) => ({ id: room, participants: [{ id: `${room}:alice`, joinedAt }] })

  test('are equal if they differ only in ids and times', () => {
    const first = withoutIdentity(answer(id(1), '2026-01-31T10:30:00.000Z'))
    const second = withoutIdentity(answer(id(2), '2026-01-31T10:30:01.000Z'))
    requireSame(
      new Map([
        ['first', first],
        ['second', second],
      ]),
    )
    expect(first).toEqual({ id: 'id 1', participants: [{ id: 'id 1:alice', joinedAt: 'a time' }] })
  })

  test('that differ otherwise are refused', () => {
    const answers = new Map<string, unknown>([
      ['first', { seq: 1 }],
      ['second', { seq: 2 }],
    ])
    expect(() => requireSame(answers)).toThrow('first and second answer differently')
  })

  test('of an earlier gateway may lack fields, and nothing else', () => {
    const now = [{ id: 1, reach: null, participants: [{ id: 2, uid: 1 }] }]
    const compared = (before: unknown) => () =>
      requireSame(
        new Map<string, unknown>([
          ['gateway', now],
          ['before', before],
        ]),
      )
    expect(compared([{ id: 1, participants: [{ id: 2 }] }])).not.toThrow()
    expect(compared([{ id: 1, participants: [{ id: 3 }] }])).toThrow('gateway and before answer differently')
    expect(compared([{ id: 1, participants: [] }])).toThrow('gateway and before answer differently')
    expect(compared([{ id: 1, other: 1 }])).toThrow('gateway and before answer differently')
  })

  test('are parsed when they are complete', () => {
    const whole = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
    const chunked = Buffer.from(
      'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n',
    )
    const read = (bytes: Buffer) => {
      const reply = parseReply(bytes)
      return reply && [reply.status, reply.body.toString()]
    }
    expect(read(whole)).toEqual([200, '{}'])
    expect(read(chunked)).toEqual([201, '{"a":1}'])
    for (const bytes of [whole, chunked]) {
      for (let length = 0; length < bytes.length; length += 1) expect(read(bytes.subarray(0, length))).toBeUndefined()
    }
  })
})

describe('the report', () => {
  test.each([
    [0, '0'],
    [0.4567, '0.457'],
    [12.34, '12.3'],
    [999.9, '1 000'],
    [93_812, '93 800'],
    [1_234_567, '1 230 000'],
  ])('writes %d as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text)
  })

  test('contains tables whose lines have equal lengths and numbers of cells', () => {
    const lines = resultTable(sample).split('\n')
    expect(lines).toHaveLength(4)
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
    expect(new Set(lines.map((line) => line.split(/(?<!\\)\|/).length)).size).toBe(1)
    expect(lines[2]).toContain(formatSpread({ median: 2000, min: 1000, max: 3000 }))
    expect(lines[3]).toContain('2.00 (1.00–3.00)')
    expect(markdownTable(['a'], [])).toBe('| a   |\n| --- |')
  })

  test('contains well-formed charts with a bar for each server', () => {
    const svg = barChart(sample)
    expect(openTags(svg)).toEqual([])
    expect(svg.match(/<rect /g)).toHaveLength(2)
    expect(svg).toContain('Reading &lt;rooms&gt; &amp; &quot;more&quot;')
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })

  test('names the commit of an earlier gateway', () => {
    const run = { rooms: 10_000, quick: false, machine, workloads: [{ ...sample, before: 'def5678' }] }
    expect(page({ runs: [run] })).toContain('“the gateway before” is commit def5678')
    expect(page({ runs: [{ ...run, workloads: [sample] }] })).not.toContain('“the gateway before”')
  })

  test('explains the second gateway beside a larger database', () => {
    const run = { rooms: 10_000, quick: false, machine, workloads: [sample] }
    expect(page({ runs: [{ ...run, rooms: 1_000_000 }] })).toContain('“the gateway, 10 000 rooms” is the same gateway')
    expect(page({ runs: [run] })).not.toContain('the same gateway')
  })

  test('contains the machine, and every workload with its chart', () => {
    const text = page({ runs: [{ rooms: 10_000, quick: true, machine, workloads: [sample] }] })
    expect(text).toContain('a processor, 2 cores')
    expect(text).toContain('(charts/10000/sample.svg)')
    expect(text).toContain('This was a quick run')
  })

  test('equals the committed page', async () => {
    const results = new URL('../bench/results/latest.json', import.meta.url)
    const measured = existsSync(results) ? (JSON.parse(await readFile(results, 'utf8')) as Results) : { runs: [] }
    expect(await readFile(new URL('../docs/benchmarks/README.md', import.meta.url), 'utf8')).toBe(page(measured))
  })
})

/** The tags of an XML document that are not closed or wrongly nested. */
function openTags(xml: string): string[] {
  const open: string[] = []
  for (const [, closing, name = '', selfClosing] of xml.matchAll(/<(\/?)([a-z]+)(?:\s+[\w-]+="[^"<]*")*(\/?)>/g)) {
    if (closing) {
      if (open.pop() !== name) return [...open, name]
    } else if (!selfClosing) open.push(name)
  }
  const unmatched = xml.replaceAll(/<\/?[a-z]+(?:\s+[\w-]+="[^"<]*")*\/?>/g, '')
  return /[<>]/.test(unmatched) ? ['not a tag'] : open
}
