import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { answer, button, call, expectPicture, hangUp, look, openCallPage, tile } from './pages.ts'

const DESKTOP = { width: 1280, height: 720 }
/** In CSS pixels; also a desktop of 1280 × 720 at 200 % zoom. */
const LANDSCAPE = { width: 740, height: 360 }
const ZOOMED = { width: 640, height: 360 }

describe.runIf(callTests)('the page', { timeout: 90_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  let alice: Page
  let bob: Page
  beforeAll(async () => {
    world = await startCallWorld()
    alice = await openCallPage(world, 'alice')
    bob = await openCallPage(world, 'bob')
  }, 60_000)
  afterAll(() => world?.close())

  const talk = async () => {
    await call(alice, 'bob')
    await answer(bob, 'alice')
    await expectPicture(alice, 'bob')
  }

  it.each([
    ['a landscape phone', LANDSCAPE],
    ['a window at 200 %', ZOOMED],
  ] as const)('uses the height of %s for the picture, and cuts no button', async (name, viewport) => {
    await alice.setViewportSize(viewport)
    await talk()
    const picture = await tile(alice, 'bob').boundingBox()
    expect(picture?.height).toBeGreaterThan(300)
    expect(picture?.width).toBeGreaterThan(viewport.width * 0.8)
    for (const control of ['Microphone', 'Camera', 'Hang up']) {
      const { x = -1, y = -1, width = 0, height = 0 } = (await button(alice, control).boundingBox()) ?? {}
      expect([x >= 0, y >= 0, x + width <= viewport.width, y + height <= viewport.height]).toEqual(
        Array.from({ length: 4 }, () => true),
      )
    }
    expect(await alice.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width)
    await alice.getByText('Settings').click()
    const settings = await alice.locator('.settings-panel').boundingBox()
    expect(settings?.y).toBeGreaterThanOrEqual(0)
    await look(alice, `layout-${name.replaceAll(/\W+/g, '-')}`)
    await alice.getByText('Settings').click()
    await hangUp(alice)
    await look(alice, `layout-over-${name.replaceAll(/\W+/g, '-')}`)
    await alice.setViewportSize(DESKTOP)
  })
})
