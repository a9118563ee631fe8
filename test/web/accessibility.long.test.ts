import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { button, call, card, expectPicture, hangUp, look, openCallPage, pasteToken, tile } from './pages.ts'

const DESKTOP = { width: 1280, height: 720 }
const PHONE = { width: 360, height: 640 }
const LANDSCAPE = { width: 740, height: 360 }

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
