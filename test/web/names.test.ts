import type { Page } from 'playwright-core'
import { afterEach, describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import { answer, button, card, look, tile, useCallPages } from './pages.ts'

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
  const pages = useCallPages({ env: { RING_TIMEOUT: '60', RINGING_MAX: '12', RATE_LIMITS: 'off' } })
  afterEach(async () => {
    const bob = await pages.world.person('bob')
    const { body } = await bob.rest('GET', '/rooms?first=100')
    const rooms = body.rooms.filter(({ status }: { status: string }) => status !== 'ended')
    await Promise.all(rooms.map(({ id }: { id: string }) => bob.rest('POST', `/rooms/${id}/leave`)))
  })

  const open = (viewport?: { width: number; height: number }) => pages.open('bob', viewport ? { viewport } : {})
  const ring = async (callerId: string, room: object = {}) => {
    const caller = await pages.world.person(callerId)
    const { body } = await caller.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', ...room })
    await caller.rest('POST', `/rooms/${body.id}/join`)
    return { caller, id: body.id as string }
  }

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

  it('of a dozen concurrent callers have cards that can all be reached, and none steals the focus', async () => {
    const bob = await open({ width: 360, height: 640 })
    const callers = Array.from({ length: 12 }, (_, index) => `caller-${index}`)
    for (const caller of callers) await ring(caller)
    await expect.poll(() => bob.getByRole('alertdialog').count()).toBe(12)
    const focused = () => bob.evaluate(() => document.activeElement?.getAttribute('role'))
    await expect.poll(focused).toBe('alertdialog')
    await look(bob, 'names-dozen')
    const last = bob.getByRole('alertdialog').last()
    const decline = last.getByRole('button', { name: 'Decline' })
    await decline.scrollIntoViewIfNeeded()
    await decline.click()
    await expect.poll(() => bob.getByRole('alertdialog').count()).toBe(11)
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

  it('of a silenced caller do not ring until unsilenced; each caller has one card', async () => {
    const bob = await open()
    await ring('mallory')
    await ring('carol')
    await card(bob, 'mallory').waitFor()
    await (await pages.world.person('mallory')).rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
    await card(bob, 'carol').waitFor()
    expect(await card(bob, 'mallory').count()).toBe(1)
    await button(bob, 'Silence mallory').click()
    await expect.poll(() => bob.getByRole('alertdialog').count()).toBe(1)
    await look(bob, 'names-silenced')
    await card(bob, 'carol').getByRole('button', { name: 'Decline' }).click()
    await bob.getByText('Call declined.').waitFor()
    await button(bob, 'Ring again when mallory calls').click()
    await card(bob, 'mallory').waitFor()
    await button(bob, 'Decline').click()
    await expect.poll(() => bob.getByRole('alertdialog').count()).toBe(0)
  })

  it('of a blocked caller ring on no device until unblocked', async () => {
    const [bob, device] = [await open(), await open()]
    await ring('mallory')
    await button(bob, 'Block mallory').click()
    await expect.poll(() => bob.getByRole('alertdialog').count()).toBe(0)
    await button(bob, 'Unblock mallory').waitFor()
    await look(bob, 'names-blocked')
    // The caller is not told, and the earlier call still rings on the other device.
    await card(device, 'mallory').getByRole('button', { name: 'Decline' }).click()
    const { body } = await (
      await pages.world.person('mallory')
    ).rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect(body.status).toBe('waiting')
    await ring('carol')
    await card(device, 'carol').waitFor()
    await card(bob, 'carol').waitFor()
    expect([await card(device, 'mallory').count(), await card(bob, 'mallory').count()]).toEqual([0, 0])
    await device.reload()
    await button(device, 'Unblock mallory').waitFor()
    await button(bob, 'Unblock mallory').click()
    await button(bob, 'Unblock mallory').waitFor({ state: 'detached' })
    await (await pages.world.person('mallory')).rest('POST', `/rooms/${body.id}/leave`)
    await ring('mallory')
    await card(bob, 'mallory').waitFor()
  })
})
