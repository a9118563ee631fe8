import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { withWorld } from '../world.ts'
import { ALERTS, prometheusTests, promtool } from './prometheus.ts'
import { METRICS_TOKEN, scrapeText, succeeded } from './scrape.ts'

const CASES = fileURLToPath(new URL('alerts.test.yml', import.meta.url))

describe.runIf(prometheusTests)('promtool', () => {
  test('accepts the alert rules', async () => {
    expect(await promtool(['check', 'rules', '--lint=all', '--lint-fatal', ALERTS])).toMatchObject({ code: 0 })
  })

  test('each alert fires when it should, and none for a healthy deployment', async () => {
    const { code, output } = await promtool(['test', 'rules', CASES])
    expect({ code, output }).toMatchObject({ code: 0 })
  })

  test('finds nothing to complain about in a scrape after a call', () =>
    withWorld(
      async ({ alice, bob, url }) => {
        const { id } = succeeded(await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
        for (const person of [alice, bob]) succeeded(await person.rest('POST', `/rooms/${id}/join`))
        succeeded(await bob.graphql('{ rooms { edges { node { id } } } }'))
        succeeded(await bob.rest('POST', `/rooms/${id}/leave`))
        expect(await promtool(['check', 'metrics'], await scrapeText(url))).toEqual({ code: 0, output: '' })
        expect(await promtool(['check', 'metrics'], 'rtc_wrong_count 1\n')).toMatchObject({ code: 3 })
      },
      { env: { METRICS_TOKEN } },
    ))
})
