import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type CallWorld, type CallWorldOptions, startCallWorld } from '../call-world.ts'
import { noteConnections, received } from '../sdk/browser-page.ts'

/** Where screenshots are stored for review. */
const SCREENSHOTS = join(tmpdir(), 'rtc-gateway-screenshots')
export const SLOW = { timeout: 20_000 }

export interface OpenOptions {
  /** Opens another tab in this browser context. */
  readonly context?: BrowserContext
  /** Prepares the page before it loads. */
  readonly before?: (page: Page) => Promise<unknown>
  readonly viewport?: { readonly width: number; readonly height: number }
}

/** The call pages of a test file; they are closed after each test. */
export interface CallPages {
  readonly world: CallWorld
  open(userId: string, options?: OpenOptions): Promise<Page>
  /** Registers a page to be closed after the test. */
  add(page: Page): Page
  /** Unregisters a page that the test itself has closed. */
  forget(page: Page): void
  /** Alice and bob in a call with audio and video. */
  talk(): Promise<{ alice: Page; bob: Page }>
}

/** Starts one world for the tests of the enclosing `describe`. */
export function useCallPages(options: CallWorldOptions = {}): CallPages {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  const pages = new Set<Page>()
  beforeAll(async () => {
    world = await startCallWorld(options)
  }, 60_000)
  afterEach(async () => {
    const opened = [...pages]
    pages.clear()
    await Promise.all(opened.map((page) => page.context().close()))
  })
  afterAll(() => world?.close())
  const add = (page: Page) => {
    pages.add(page)
    return page
  }
  const open = async (userId: string, openOptions: OpenOptions = {}) =>
    add(await openCallPage(world, userId, openOptions))
  return {
    get world() {
      return world
    },
    open,
    add,
    forget: (page) => void pages.delete(page),
    async talk() {
      const [alice, bob] = [await open('alice'), await open('bob')]
      await call(alice, 'bob')
      await answer(bob, 'alice')
      for (const [page, other] of [
        [alice, 'bob'],
        [bob, 'alice'],
      ] as const) {
        await expectPicture(page, other)
        await expectMedia(page)
      }
      return { alice, bob }
    },
  }
}

/** Opens the call page as a user, with a development token or a pasted one. */
export async function openCallPage(world: CallWorld, userId: string, options: OpenOptions = {}): Promise<Page> {
  const known = userId === 'alice' || userId === 'bob'
  const path = known ? `/#${userId}` : '/'
  const page = options.context
    ? await options.context.newPage()
    : await world.open(path, options.before ?? noteConnections)
  if (options.context) await page.goto(world.url + path)
  if (options.viewport) await page.setViewportSize(options.viewport)
  if (!known) await pasteToken(page, await world.token(userId))
  await page.getByText('Ready for a call.').waitFor()
  return page
}

export async function pasteToken(page: Page, token: string): Promise<void> {
  await page.getByRole('textbox', { name: /token/i }).fill(token)
  await button(page, 'Continue').click()
}

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
export const tile = (page: Page, userId: string) => page.getByRole('group', { name: userId, exact: true })
export const stateOf = (page: Page, userId: string) => tile(page, userId).getAttribute('data-state')
export const card = (page: Page, caller: string) => page.getByRole('alertdialog', { name: `${caller} is calling` })
export const events = (page: Page) => page.getByRole('region', { name: 'Events' })

/** Takes a screenshot. */
export async function look(page: Page, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) })
}

export async function call(page: Page, who: string): Promise<void> {
  await page.getByLabel('Who to call').fill(who)
  await button(page, 'Call').click()
}

export async function answer(page: Page, caller: string): Promise<void> {
  await card(page, caller).waitFor()
  await button(page, 'Answer').click()
}

export async function hangUp(page: Page): Promise<void> {
  await button(page, 'Hang up').click()
  await page.getByLabel('Who to call').waitFor()
}

/** Expects a moving picture: the video's time advances. */
export async function expectPicture(page: Page, userId: string): Promise<void> {
  const time = () =>
    tile(page, userId)
      .locator('video')
      .evaluate((video: HTMLVideoElement) => video.currentTime)
  await expect.poll(time, SLOW).toBeGreaterThan(0)
  const before = await time()
  await expect.poll(time, SLOW).toBeGreaterThan(before)
}

/** Expects that frames are decoded and audio arrives, and that both increase. */
export async function expectMedia(page: Page): Promise<void> {
  await expect.poll(async () => (await received(page)).frames, SLOW).toBeGreaterThan(0)
  const before = await received(page)
  await expect.poll(async () => (await received(page)).frames, SLOW).toBeGreaterThan(before.frames + 3)
  await expect.poll(async () => (await received(page)).audioBytes, SLOW).toBeGreaterThan(before.audioBytes)
  expect((await received(page)).videoBytes).toBeGreaterThan(before.videoBytes)
}
