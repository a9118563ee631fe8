import { describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import { button, card, look } from './pages.ts'
import { useRingingBob } from './ringing.ts'

describe.runIf(callTests)('user ids of every kind', { timeout: 60_000 }, () => {
  const { pages, open, ring } = useRingingBob()

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
