import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import { answer, button, call, card, expectPicture, hangUp, look, pasteToken, SLOW, useCallPages } from './pages.ts'

const YESTERDAY = new Date(Date.now() - 48 * 3_600_000)

/** Holds back every request to create or join a room until released. */
async function holdCalls(page: Page): Promise<() => void> {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route('**/graphql', async (route) => {
    if (/mutation (Create|Join)Room/.test(route.request().postData() ?? '')) await released
    await route.continue()
  })
  return release
}

describe.runIf(callTests)('a user of the call page', { timeout: 90_000 }, () => {
  const pages = useCallPages({ env: { DISCONNECT_GRACE: '3', RATE_LIMITS: 'off' } })
  const { open } = pages

  it('can call a user id with a space in it', async () => {
    const [alice, john] = [await open('alice'), await open('John Smith')]
    await call(alice, 'John Smith')
    await alice.getByText('Ringing John Smith…').waitFor()
    await answer(john, 'alice')
    await alice.getByText('In a call with John Smith.').waitFor()
    await hangUp(alice)
    await alice.getByText('Call with John Smith ended.').waitFor()
  })

  it('can cancel a call that is being created, which ends its room', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    const release = await holdCalls(alice)
    await call(alice, 'bob')
    await alice.getByText('Calling bob…').waitFor()
    await look(alice, 'everyday-calling')
    await button(alice, 'Cancel').click()
    await alice.getByText('Call cancelled.').waitFor()
    const person = await pages.world.person('alice')
    const latest = async (): Promise<{ id: string; status: string } | undefined> =>
      (await person.rest('GET', '/rooms?first=1')).body.rooms[0]
    const earlier = (await latest())?.id
    release()
    const cancelled = async () => {
      const room = await latest()
      return room?.id !== earlier && room?.status
    }
    await expect.poll(cancelled, SLOW).toBe('ended')
    // Bob must answer the next call, not the one that may still be shown as ringing.
    await expect.poll(() => card(bob, 'alice').count(), SLOW).toBe(0)
    await call(alice, 'bob')
    await answer(bob, 'alice')
    await expectPicture(alice, 'bob')
    expect(await latest()).toMatchObject({ status: 'active' })
    await hangUp(alice)
  })

  it('is asked for a new token when the pasted one has expired, and can replace a valid one', async () => {
    const page = pages.add(await pages.world.open('/'))
    await pasteToken(page, await pages.world.token('dave', YESTERDAY))
    await page.getByRole('textbox', { name: 'Your token has expired' }).waitFor()
    await look(page, 'everyday-expired')
    await pasteToken(page, await pages.world.token('dave'))
    await page.getByText('Ready for a call.').waitFor()
    expect(await page.getByRole('textbox', { name: /token/i }).count()).toBe(0)

    await page.getByRole('combobox', { name: 'You are' }).selectOption('somebody with another token')
    await look(page, 'everyday-another-token')
    await pasteToken(page, await pages.world.token('erin'))
    await page.getByText('Ready for a call.').waitFor()
    await page.reload()
    await page.getByText('Ready for a call.').waitFor()
    const bob = await open('bob')
    await call(bob, 'erin')
    await card(page, 'bob').waitFor()
    await button(bob, 'Hang up').click()
  })
})
