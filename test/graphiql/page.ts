import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { launchBrowser } from '../browser.ts'
import { type manualClock, SECRET } from '../world.ts'

/** For a world in development mode. */
export const developing = (dependencies: { clock?: ReturnType<typeof manualClock> } = {}) => ({
  env: { JWT_SECRET: '' },
  // The secret that signs the tokens of the world's people.
  dependencies: { developmentSecret: SECRET, ...dependencies },
})

/** Starts a browser for the tests of the enclosing `describe`. */
export function useGraphiQL() {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  /** Opens the page; records its errors, requests and events. */
  return async function open(url: string, context?: BrowserContext) {
    const within = context ?? (await browser.newContext({ viewport: { width: 1400, height: 850 } }))
    const page = await within.newPage()
    const [errors, requests, events]: [string[], string[], string[]] = [[], [], []]
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('request', (request) => requests.push(request.url()))
    page.on('websocket', (socket) => {
      requests.push(socket.url())
      socket.on('framereceived', ({ payload }) => {
        const type = /"type":"([A-Z_]+)"/.exec(String(payload))?.[1]
        if (type) events.push(type)
      })
      socket.on('close', () => events.push('closed'))
    })
    await page.goto(`${url}/graphql`)
    await page.getByRole('button', { name: 'Execute query' }).waitFor()
    return { page, context: within, errors, requests, events }
  }
}

export const runButton = (page: Page) => page.getByRole('button', { name: 'Execute query' })
export const tab = (page: Page, name: string) => page.locator(`button[title="${name}"]`)
export const shown = (page: Page) => ({
  // The editors show spaces as non-breaking ones.
  in: (selector: string) =>
    // oxlint-disable-next-line vitest/require-awaited-expect-poll -- whoever claims something of it awaits
    expect.poll(async () => (await page.locator(selector).innerText()).replaceAll('\u00a0', ' '), {
      timeout: 10_000,
    }),
})
export const response = (page: Page) => shown(page).in('.result-window')

export async function run(page: Page, name: string) {
  await tab(page, name).click()
  await runButton(page).click()
}
