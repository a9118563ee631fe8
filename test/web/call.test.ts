import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
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
} from './pages.ts'

describe.runIf(callTests)('two users of the page', { timeout: 60_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  const pages: Page[] = []
  beforeAll(async () => {
    world = await startCallWorld()
  }, 60_000)
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.context().close()))
  })
  afterAll(() => world?.close())

  const open = async (userId: string) => {
    const page = await openCallPage(world, userId)
    pages.push(page)
    return page
  }
  /** Alice and bob in a call with audio and video. */
  const talk = async () => {
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
  }

  it('see and hear each other until one hangs up', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await bob.getByRole('button', { name: 'Answer' }).waitFor({ state: 'detached' })
    await alice.getByLabel('Who to call').fill('bob')
    const clicked = performance.now()
    await button(alice, 'Call').click()
    await answer(bob, 'alice')
    await expect.poll(async () => (await received(bob)).frames, { ...SLOW, interval: 20 }).toBeGreaterThan(0)
    console.log(
      `Call clicked → first frame decoded at the peer, who answers at once: ${Math.round(performance.now() - clicked)} ms`,
    )
    for (const [page, other] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const) {
      await expectPicture(page, other)
      await expectMedia(page)
      await look(page, `call-of-${other}`)
    }
    await button(alice, 'Hang up').click()
    for (const [page, other] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const) {
      await page.getByText(`Call with ${other} ended.`).waitFor()
      const history = page.getByRole('region', { name: 'History' }).getByRole('listitem').first()
      await expect.poll(() => history.innerText()).toMatch(new RegExp(`${other}[\\s\\S]*\\d:\\d\\d`))
      expect(await page.evaluate(() => globalThis.clientConnections.map((one) => one.connectionState))).toEqual([
        'closed',
      ])
    }
    await look(alice, 'call-over')
  })

  it('see that the other declined', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await call(alice, 'bob')
    await bob.getByRole('alertdialog', { name: 'alice is calling' }).waitFor()
    await look(bob, 'call-incoming')
    await button(bob, 'Decline').click()
    await alice.getByText('bob declined.').waitFor()
  })

  it('see when the other’s camera is switched off and on', async () => {
    const { alice, bob } = await talk()
    const camera = () => tile(bob, 'alice').getAttribute('data-camera')
    await button(alice, 'Camera').click()
    await expect.poll(camera, SLOW).toBe('off')
    expect(await tile(bob, 'alice').locator('video').count()).toBe(0)
    await tile(bob, 'alice').getByText('Camera off').waitFor()
    await button(alice, 'Microphone').click()
    await expect.poll(() => tile(bob, 'alice').getAttribute('data-muted'), SLOW).toBe('true')
    await button(alice, 'Camera').click()
    await expect.poll(camera, SLOW).toBe('on')
    await expectPicture(bob, 'alice')
    await hangUp(alice)
  })

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
    await world.gateway.stop('SIGKILL')
    await alice.getByText('Reconnecting… the call goes on.').waitFor()
    await expectMedia(alice)
    await expectMedia(bob)
    await look(alice, 'call-gateway-away')
    // Sent while the other side is disconnected.
    await button(bob, 'Microphone').click()
    await world.start()
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
