import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { answer, button, call, card, expectPicture, hangUp, look, openCallPage, pasteToken, tile } from './pages.ts'

const DESKTOP = { width: 1280, height: 720 }
const PHONE = { width: 360, height: 640 }
/** In CSS pixels; also a desktop of 1280 × 720 at 200 % zoom. */
const LANDSCAPE = { width: 740, height: 360 }
const ZOOMED = { width: 640, height: 360 }

/** The violations that axe finds, including best practices. */
const violations = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { violations: found } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  })
}

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

  it.each(['light', 'dark'] as const)('passes axe in each of its states, in %s colours', async (colorScheme) => {
    const stranger = await world.open('/')
    for (const page of [alice, bob, stranger]) await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const found: string[] = []
    const check = async (page: Page, state: string) => {
      for (const [size, viewport] of [
        ['desktop', DESKTOP],
        ['phone', PHONE],
        ['landscape', LANDSCAPE],
      ] as const) {
        await page.setViewportSize(viewport)
        found.push(...(await violations(page)).map((violation) => `${state}, ${size}: ${violation}`))
        await look(page, `layout-${state}-${size}-${colorScheme}`)
      }
      await page.setViewportSize(DESKTOP)
    }
    await check(stranger, 'sign-in')
    await pasteToken(stranger, 'no.token')
    await check(stranger, 'wrong-token')
    await pasteToken(stranger, await world.token('dave', new Date(0)))
    await stranger.getByRole('textbox', { name: 'Your token has expired' }).waitFor()
    await check(stranger, 'expired-token')
    await stranger.context().close()

    await check(alice, 'ready')
    await call(alice, 'bob')
    await card(bob, 'alice').waitFor()
    await check(bob, 'ringing')
    await tile(alice, 'bob').waitFor()
    await check(alice, 'calling')
    await button(bob, 'Answer').click()
    await expectPicture(alice, 'bob')
    await button(alice, 'Microphone').click()
    await button(alice, 'Camera').click()
    await alice.getByText('Settings').click()
    await check(alice, 'call')
    const tab = await openCallPage(world, 'bob', { context: bob.context() })
    await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await button(tab, 'Take it here').waitFor()
    await check(tab, 'elsewhere')
    await tab.close()
    await hangUp(alice)
    await bob.getByText('Call with alice ended.').waitFor()
    await call(alice, 'bob')
    await button(bob, 'Silence alice').click()
    await button(bob, 'Ring again when alice calls').waitFor()
    await check(bob, 'silenced')
    await button(bob, 'Ring again when alice calls').click()
    await button(bob, 'Decline').click()
    await alice.getByText('bob declined.').waitFor()
    await check(alice, 'over')
    expect(found).toEqual([])
  })
})
