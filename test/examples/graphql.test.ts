import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserTests, launchBrowser } from '../browser.ts'
import { startClientWorld } from '../sdk/people.ts'
import { bundleExample, type PageServer, servePage, withGateway } from './page.ts'

const texts = (page: Page, selector: string) => page.locator(selector).allTextContents()

describe.runIf(browserTests).each(['apollo-react.tsx', 'urql.ts'])('docs/examples/%s', (example) => {
  let browser: Browser
  let bundle: string
  beforeAll(async () => {
    ;[browser, bundle] = await Promise.all([launchBrowser(), bundleExample(example)])
  })
  afterAll(() => browser?.close())

  /** The example's page for bob, who is invited to a room of alice's. */
  async function open(work: (context: Opened) => Promise<void>): Promise<void> {
    const world = await startClientWorld()
    const line = await world.line()
    const served = await servePage(withGateway(bundle, line.url))
    const context = await browser.newContext()
    try {
      const page = await context.newPage()
      const created = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
      await work({ world, line, served, page, roomId: created.body.id })
    } finally {
      await context.close()
      await served.close()
    }
  }

  it('shows a room, joins it, and resumes its stream without losing or repeating an event', () =>
    open(async ({ world: { alice, bob, url }, line, served, page, roomId }) => {
      await alice.rest('POST', `/rooms/${roomId}/join`)
      await page.goto(`${served.url}#room=${roomId}&token=${bob.token}`)
      await expect.poll(() => texts(page, 'ul li')).toEqual(['alice joined', 'bob invited'].map(inUpperCase))
      expect(await texts(page, 'h1')).toEqual(['WAITING'])

      await page.getByRole('button', { name: 'Join' }).click()
      await expect.poll(() => texts(page, 'h1')).toEqual(['ACTIVE'])
      expect(await texts(page, 'ul li')).toEqual(['alice joined', 'bob joined'].map(inUpperCase))

      line.down()
      await alice.rest('POST', `/rooms/${roomId}/participants`, { userId: 'carol' })
      line.up()
      await expect.poll(() => texts(page, 'ul li')).toContain('carol INVITED')
      await alice.rest('POST', `/rooms/${roomId}/end`)
      await expect.poll(() => texts(page, 'h1')).toEqual(['ENDED'])

      const log = await fetch(`${url}/im/api/v1/rtc/rooms/${roomId}/events`, {
        headers: { accept: 'application/json', authorization: `Bearer ${alice.token}` },
      })
      const { events } = (await log.json()) as { events: { seq: number; type: string }[] }
      const shown = await texts(page, 'ol li')
      // The room was created and alice had joined it before the page was there.
      expect(shown).toEqual(events.slice(2).map(({ seq, type }) => `${seq} ${type.toUpperCase()}`))
      expect(await texts(page, '[role=alert]:not(:empty)')).toEqual([])
    }))

  it('shows the code of a refusal', () =>
    open(async ({ world: { carol }, served, page, roomId }) => {
      await page.goto(`${served.url}#room=${roomId}&token=${carol.token}`)
      await expect.poll(() => texts(page, '[role=alert]')).toEqual(['FORBIDDEN'])
    }))
})

const inUpperCase = (text: string) => text.replace(/\w+$/, (state) => state.toUpperCase())

interface Opened {
  readonly world: Awaited<ReturnType<typeof startClientWorld>>
  readonly line: Awaited<ReturnType<Awaited<ReturnType<typeof startClientWorld>>['line']>>
  readonly served: PageServer
  readonly page: Page
  readonly roomId: string
}
