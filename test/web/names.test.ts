import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import { answer, button, card, look, tile } from './pages.ts'
import { useRingingBob } from './ringing.ts'

const LONG = 'W'.repeat(128)
/** Renders as `alice is gnillac` unless it is isolated. */
const REVERSED = '\u202Eecila'

/** Whether an element is entirely in the window and nothing covers its centre. */
const isWithinReach = (page: Page, name: string): Promise<boolean> =>
  button(page, name)
    .first()
    .evaluate((element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect()
      const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
      return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight && element.contains(over)
    })

/** The characters in visual order: line by line, left to right. */
const shownOrder = (page: Page, selector: string): Promise<string> =>
  page.evaluate((css) => {
    const places: { char: string; line: number; left: number }[] = []
    for (const element of document.querySelectorAll(css)) {
      const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
      for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        for (let index = 0; index < (text.nodeValue ?? '').length; index += 1) {
          const range = document.createRange()
          range.setStart(text, index)
          range.setEnd(text, index + 1)
          const { top, left, width } = range.getBoundingClientRect()
          if (width > 0) places.push({ char: (text.nodeValue ?? '').charAt(index), line: Math.round(top), left })
        }
      }
    }
    return places
      .toSorted((one, other) => one.line - other.line || one.left - other.left)
      .map(({ char }) => char)
      .join('')
  }, selector)

describe.runIf(callTests)('user ids of every kind', { timeout: 60_000 }, () => {
  const { pages, open, ring } = useRingingBob()

  it('leave the buttons visible, however long they are', async () => {
    const bob = await open({ width: 360, height: 640 })
    await ring(LONG, { name: 'M'.repeat(200) })
    await card(bob, LONG).waitFor()
    await look(bob, 'names-long-ringing')
    expect([await isWithinReach(bob, 'Answer'), await isWithinReach(bob, 'Decline')]).toEqual([true, true])
    await answer(bob, LONG)
    await tile(bob, LONG).waitFor()
    expect(await isWithinReach(bob, 'Hang up')).toBe(true)
    expect(await bob.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    await look(bob, 'names-long-call')
  })

  it('do not reverse the sentence around them, and appear as spelled', async () => {
    const bob = await open()
    const { id } = await ring(REVERSED, { name: 'a\u202Eb' })
    const ringing = card(bob, REVERSED)
    await ringing.waitFor()
    expect(await shownOrder(bob, '.ring strong')).toBe('ecila is calling')
    expect(await shownOrder(bob, '.status')).toBe('ecila is calling.')
    expect(await bob.title()).toBe('\u2068\uFFFDecila\u2069 is calling')
    await look(bob, 'names-reversed-ringing')
    await answer(bob, REVERSED)
    await tile(bob, REVERSED).waitFor()
    await expect.poll(() => shownOrder(bob, '.status')).toBe('In a call with ecila.')
    const made = () => shownOrder(bob, '[data-type="room_created"] > span:nth-child(2)')
    await expect.poll(made).toBe('ecila made the call')
    await look(bob, 'names-reversed-call')
    await (await pages.world.person(REVERSED)).rest('POST', `/rooms/${id}/leave`)
    await bob.getByText(`Call with ${REVERSED} ended.`).waitFor()
    await expect.poll(() => shownOrder(bob, '.status')).toBe('Call with ecila ended.')
    await expect.poll(() => shownOrder(bob, '.history li:first-child .name')).toBe('ecila')
  })
})
