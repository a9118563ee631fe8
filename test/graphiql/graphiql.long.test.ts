import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { browserTests } from '../browser.ts'
import { manualClock, withWorld } from '../world.ts'
import { developing, response, run, runButton, shown, tab, useGraphiQL } from './page.ts'

const DAY = 86_400

describe.runIf(browserTests)('GraphiQL in Chromium', { timeout: 60_000 }, () => {
  const open = useGraphiQL()

  it('transfers less than 2.5 MB at the first visit and nothing at the second', () =>
    withWorld(async ({ url }) => {
      const transferred = (page: Page) =>
        page.evaluate<number>(`performance.getEntriesByType('resource')
          .filter(({ name }) => name.includes('/graphiql-')).reduce((sum, { transferSize }) => sum + transferSize, 0)`)
      const first = await open(url)
      await shown(first.page).in('.graphiql-plugin').toContain('RoomUpdate')
      const weight = await transferred(first.page)
      expect(weight).toBeGreaterThan(1_000_000)
      expect(weight).toBeLessThan(2_500_000)

      const second = await open(url, first.context)
      await shown(second.page).in('.graphiql-plugin').toContain('RoomUpdate')
      expect(await transferred(second.page)).toBe(0)
    }, developing()))

  it('restores tabs with new tokens and stores no tokens', () => {
    const clock = manualClock()
    return withWorld(async ({ url }) => {
      const { page, errors, context } = await open(url)
      await run(page, 'CreateRoom')
      await response(page).toContain('"WAITING"')
      await run(page, 'JoinAsBob')
      await response(page).toContain('"JOINED"')
      const stored = await page.evaluate<string>('JSON.stringify(localStorage)')
      expect(stored).toContain('<token of bob>')
      expect(stored).not.toContain('eyJ')

      clock.advance(2 * DAY)
      const today = await open(url, context)
      // The room of two days ago has ended; the variables still contain its id.
      await tab(today.page, 'JoinAsBob').click()
      await shown(today.page)
        .in('[aria-label="Variables"]')
        .toMatch(/"roomId": "\w+-/)
      await run(today.page, 'CreateRoom')
      await response(today.page).toContain('"WAITING"')
      await run(today.page, 'JoinAsBob')
      await response(today.page).toMatch(/"bob"[^]*"JOINED"/)
      expect(errors).toEqual([])
    }, developing({ clock }))
  })

  it('ends a subscription by its stop button and with its tab, and shows it in no other tab', () =>
    withWorld(async ({ url }) => {
      const { page, errors, events } = await open(url)
      await run(page, 'CreateRoom')
      await response(page).toContain('"WAITING"')
      await run(page, 'WatchRoom')
      await response(page).toContain('SNAPSHOT')
      await page.getByRole('button', { name: 'Stop query' }).click()
      await expect.poll(() => events).toEqual(['SNAPSHOT', 'closed'])

      await runButton(page).click()
      await expect.poll(() => events).toEqual(['SNAPSHOT', 'closed', 'SNAPSHOT'])
      await page.getByRole('button', { name: 'New tab' }).click()
      await runButton(page).waitFor()
      await response(page).not.toContain('SNAPSHOT')
      await tab(page, 'WatchRoom').click()
      await response(page).toContain('SNAPSHOT')
      // A second click on the tab keeps the subscription.
      await tab(page, 'WatchRoom').click()
      await page.getByRole('button', { name: 'Stop query' }).waitFor()
      await page
        .locator('li', { has: tab(page, 'WatchRoom') })
        .getByRole('button', { name: 'Close Tab' })
        .click()
      await expect.poll(() => events).toEqual(['SNAPSHOT', 'closed', 'SNAPSHOT', 'closed'])
      expect(errors).toEqual([])
    }, developing()))
})
