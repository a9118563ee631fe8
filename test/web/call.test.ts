import { describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import { received } from '../sdk/browser-page.ts'
import {
  answer,
  button,
  call,
  events,
  expectMedia,
  expectPicture,
  hangUp,
  look,
  SLOW,
  tile,
  useCallPages,
} from './pages.ts'

describe.runIf(callTests)('two users of the page', { timeout: 60_000 }, () => {
  const pages = useCallPages()
  const { open, talk } = pages

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
      const connections = () =>
        page.evaluate(() => globalThis.clientConnections.map(({ connectionState }) => connectionState))
      await expect.poll(connections).toEqual(['closed'])
    }
    await look(alice, 'call-over')
  })

  it('see whether a device of the other is connected', async () => {
    const alice = await open('alice')
    const status = alice.getByRole('status')
    await call(alice, 'bob')
    await expect.poll(() => status.innerText()).toBe('Ringing bob… No device of bob is connected.')
    await look(alice, 'call-reaches-nobody')
    const bob = pages.add(await pages.world.open('/#bob'))
    await bob.getByRole('alertdialog', { name: 'alice is calling' }).waitFor()
    await expect.poll(() => status.innerText()).toBe('Ringing bob…')
    await events(alice).getByText('A device of bob is ringing').waitFor()
    await look(alice, 'call-reaches-bob')
    await button(alice, 'Hang up').click()
    await alice.getByText('Call cancelled.').waitFor()
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
})
