import { describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { received } from '../sdk/browser-page.ts'
import {
  answer,
  button,
  call,
  expectMedia,
  expectPicture,
  hangUp,
  look,
  openCallPage,
  SLOW,
  stateOf,
  tile,
  useCallPages,
} from './pages.ts'

describe.runIf(callTests)('two users of the page', { timeout: 60_000 }, () => {
  const pages = useCallPages()
  const { open, talk } = pages

  it('are in the call again after a reload within the grace', async () => {
    const { alice, bob } = await talk()
    const left = async () =>
      alice.getByRole('region', { name: 'Events' }).locator('[data-type="participant_left"]').count()
    await bob.reload()
    await expectPicture(bob, 'alice')
    await expectMedia(bob)
    await expectPicture(alice, 'bob')
    await expectMedia(alice)
    expect(await stateOf(alice, 'bob')).toBe('joined')
    expect(await left()).toBe(0)
    await hangUp(bob)
    await alice.getByText('Call with bob ended.').waitFor()
  })

  it('see the call end within seconds when the other closes the tab, without a lost connection', async () => {
    const { alice, bob } = await talk()
    // Navigating away fires `pagehide`, as closing does.
    await bob.goto('about:blank')
    await expect.poll(() => alice.locator('.status').textContent(), SLOW).toBe('Call with bob ended.')
  })

  it('keep audio and video while the gateway is killed, and the events resume after its restart', async () => {
    const { alice, bob } = await talk()
    await pages.world.gateway.stop('SIGKILL')
    await alice.getByText('Reconnecting… the call goes on.').waitFor()
    await expectMedia(alice)
    await expectMedia(bob)
    await look(alice, 'call-gateway-away')
    // Sent while the other side is disconnected.
    await button(bob, 'Microphone').click()
    await pages.world.start()
    await expect.poll(() => tile(alice, 'bob').getAttribute('data-muted'), { timeout: 30_000 }).toBe('true')
    await expectMedia(alice)
    const seqs = await alice
      .getByRole('region', { name: 'Events' })
      .getByRole('listitem')
      .evaluateAll((items) => items.map((item) => Number(item.dataset['seq'])).toReversed())
    expect(seqs.length).toBeGreaterThan(4)
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index))
    await hangUp(alice)
    await bob.getByText('Call with alice ended.').waitFor()
  })

  it('can be three in a group, and two after one leaves', async () => {
    const [alice, bob, carol] = [await open('alice'), await open('bob'), await open('carol')]
    await call(alice, 'bob, carol')
    await answer(bob, 'alice')
    await answer(carol, 'alice')
    for (const [page, others] of [
      [alice, ['bob', 'carol']],
      [bob, ['alice', 'carol']],
      [carol, ['alice', 'bob']],
    ] as const) {
      for (const other of others) await expectPicture(page, other)
      await expect.poll(async () => (await received(page)).audios, SLOW).toBe(2)
    }
    await look(alice, 'call-group')
    await hangUp(carol)
    for (const page of [alice, bob]) {
      await expect.poll(() => stateOf(page, 'carol'), SLOW).toBe('left')
      await expectMedia(page)
    }
    await hangUp(bob)
    await hangUp(alice)
  })
})

describe.runIf(callTests)('a call that is not answered', { timeout: 60_000 }, () => {
  it('is shown as missed to both, by the gateway’s clock', async () => {
    const world = await startCallWorld({ env: { RING_TIMEOUT: '2' } })
    try {
      const [alice, bob] = [await openCallPage(world, 'alice'), await openCallPage(world, 'bob')]
      await call(alice, 'bob')
      await alice.getByText('bob did not answer.').waitFor()
      await bob.getByText('Missed a call from alice.').waitFor()
      await bob.getByRole('region', { name: 'History' }).getByRole('listitem').first().waitFor()
      expect(await bob.getByRole('alertdialog').count()).toBe(0)
    } finally {
      await world.close()
    }
  })
})
