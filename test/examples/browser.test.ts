import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserTests, launchBrowser } from '../browser.ts'
import { withWorld, type World } from '../world.ts'
import { type PageServer, readExample, servePage, withGateway } from './page.ts'

const folder = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const statusOf = (page: Page) => page.getByRole('status').textContent()

describe.runIf(browserTests)('docs/examples/browser.html', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  async function withPages(work: (open: (user: 'alice' | 'bob') => Promise<Page>) => Promise<void>): Promise<void> {
    await withWorld(async (world: World) => {
      const served: PageServer = await servePage(withGateway(await readExample('browser.html'), world.url), {
        sdk: folder('dist/sdk'),
        'graphql-ws': folder('node_modules/graphql-ws/dist'),
      })
      const contexts = await Promise.all([browser.newContext(), browser.newContext()])
      try {
        await work(async (user) => {
          const page = await (contexts.pop() ?? (await browser.newContext())).newPage()
          await page.goto(`${served.url}#user=${user}&token=${world[user].token}`)
          return page
        })
      } finally {
        await Promise.all(browser.contexts().map((context) => context.close()))
        await served.close()
      }
    })
  }

  it('calls, answers, shows both cameras and hangs up, without a bundler', () =>
    withPages(async (open) => {
      const [alice, bob] = [await open('alice'), await open('bob')]
      await alice.getByRole('button', { name: 'Call' }).click()
      await bob.getByRole('button', { name: 'Answer' }).click()
      for (const page of [alice, bob]) {
        const moving = () =>
          page.locator('video').evaluateAll((videos) => {
            const shown = videos as HTMLVideoElement[]
            return shown
              .filter(({ videoWidth, currentTime }) => videoWidth > 0 && currentTime > 0)
              .map(({ title }) => title)
          })
        await expect.poll(async () => (await moving()).toSorted()).toEqual(['alice', 'bob'])
      }
      await bob.getByRole('button', { name: 'Hang up' }).click()
      for (const page of [alice, bob]) {
        await expect.poll(() => statusOf(page)).toBe('ended: completed')
        await expect.poll(() => page.locator('video, audio').count()).toBe(0)
      }
    }))

  it('declines, and shows the code of a failure', () =>
    withPages(async (open) => {
      const [alice, bob] = [await open('alice'), await open('bob')]
      await alice.getByRole('button', { name: 'Hang up' }).click()
      await expect.poll(() => statusOf(alice)).toMatch(/^INVALID_STATE: /)
      await alice.getByRole('button', { name: 'Call' }).click()
      await expect.poll(() => statusOf(alice)).toBe('waiting')
      await bob.getByRole('button', { name: 'Decline' }).click()
      await expect.poll(() => statusOf(alice)).toBe('ended: rejected')
    }))
})
