import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import {
  answer,
  button,
  call,
  card,
  events,
  expectPicture,
  hangUp,
  look,
  openCallPage,
  pasteToken,
  SLOW,
  tile,
  useCallPages,
} from './pages.ts'

declare global {
  /** The tracks of devices that the page has opened. */
  var opened: MediaStreamTrack[]
}

/** Records the tracks of opened devices; the given devices are missing. */
const noteDevices = (page: Page, missing: readonly ('audio' | 'video')[] = []) =>
  page.evaluate((kinds) => {
    globalThis.opened = []
    const devices = navigator.mediaDevices
    const getUserMedia = devices.getUserMedia.bind(devices)
    devices.getUserMedia = async (constraints = {}) => {
      if (kinds.some((kind) => constraints[kind])) throw new DOMException('there is none', 'NotFoundError')
      const stream = await getUserMedia(constraints)
      globalThis.opened.push(...stream.getTracks())
      return stream
    }
  }, missing)

const notice = (page: Page, code: string) => page.locator(`.notice[data-code="${code}"]`)

describe.runIf(callTests)('a user of the call page', { timeout: 90_000 }, () => {
  // The grace must outlast the steps of a test on a slow machine, from a lost connection to the pasted token.
  const pages = useCallPages({ env: { DISCONNECT_GRACE: '8', RATE_LIMITS: 'off' } })
  const { open, talk } = pages

  it('can take the call over in a second tab, and back', async () => {
    const { alice, bob } = await talk()
    const tab = await openCallPage(pages.world, 'alice', { context: alice.context() })
    await tab.getByText('You are in a call with bob in another tab or on another device.').waitFor()
    await look(tab, 'everyday-elsewhere')
    await button(tab, 'Take it here').click()
    await expectPicture(tab, 'bob')
    await expectPicture(bob, 'alice')
    await alice.getByText('You have joined from another tab or device.').waitFor()
    await button(alice, 'Take it here').click()
    await expectPicture(alice, 'bob')
    await button(tab, 'Take it here').waitFor()
    expect(await tile(bob, 'alice').getAttribute('data-state')).toBe('joined')
    await hangUp(alice)
    await button(tab, 'Take it here').waitFor({ state: 'detached' })
    await bob.getByText('Call with alice ended.').waitFor()
  })

  it('sees the call on the answering device, and "answered elsewhere" on the other', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    const other = await open('bob')
    await call(alice, 'bob')
    await card(other, 'alice').waitFor()
    // Every status text of the answering page since the click.
    const said = await bob.evaluateHandle(() => {
      const sentences = new Set<string>()
      const status = document.querySelector('.status')
      new MutationObserver(() => sentences.add(status?.textContent ?? '')).observe(document.body, {
        childList: true,
        characterData: true,
        subtree: true,
      })
      return sentences
    })
    await answer(bob, 'alice')
    await other.getByText('Answered in another tab or on another device.').waitFor()
    await expectPicture(bob, 'alice')
    expect(await said.evaluate((sentences) => [...sentences].filter((text) => text.includes('nswered')))).toEqual([])
    await hangUp(alice)
  })

  it('sees every event of the call, including those before the join', async () => {
    const { alice, bob } = await talk()
    for (const page of [alice, bob]) {
      const seqs = async () => {
        const items = events(page).getByRole('listitem')
        const shown = await items.evaluateAll((elements) => elements.map((element) => Number(element.dataset['seq'])))
        return shown.toReversed()
      }
      await expect.poll(async () => (await seqs())[0]).toBe(1)
      expect(await seqs()).toEqual((await seqs()).map((_, index) => index + 1))
      expect((await seqs()).length).toBeGreaterThan(5)
    }
    await hangUp(alice)
  })

  it('sees that the other’s connection was lost', async () => {
    const { alice, bob } = await talk()
    await bob.context().setOffline(true)
    await bob.evaluate(() => globalThis.clientConnections.forEach((connection) => connection.close()))
    await bob.context().close()
    pages.forget(bob)
    await alice.getByText('Call with bob ended: the connection to bob was lost.').waitFor()
  })

  it('sees notices about missing devices, which are dismissed when the call ends', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await noteDevices(alice, ['video'])
    await call(alice, 'bob')
    await notice(alice, 'DEVICE_NOT_FOUND').waitFor()
    await answer(bob, 'alice')
    await hangUp(alice)
    await expect.poll(() => notice(alice, 'DEVICE_NOT_FOUND').count()).toBe(0)
    await call(alice, 'alice')
    await alice.getByText('That does not work. “Who to call” must not be the caller.').waitFor()
  })

  it('sees a notice when a camera is unplugged, and different buttons for muted and on', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await noteDevices(alice)
    await call(alice, 'bob')
    await answer(bob, 'alice')
    await expectPicture(bob, 'alice')
    const disc = (name: string) =>
      button(alice, name)
        .locator('.disc')
        .evaluate((element) => getComputedStyle(element).color)
    const calm = await disc('Camera')
    expect(await disc('Microphone')).toBe(calm)
    await alice.evaluate(() => {
      const camera = globalThis.opened.find(({ kind }) => kind === 'video')
      camera?.stop()
      camera?.dispatchEvent(new Event('ended'))
    })
    await notice(alice, 'DEVICE_LOST').waitFor()
    expect(await notice(alice, 'DEVICE_LOST').innerText()).toContain('Your camera is gone')
    await expect.poll(() => tile(bob, 'alice').getAttribute('data-camera'), SLOW).toBe('off')
    expect(await button(alice, 'Camera').getAttribute('aria-pressed')).toBe('false')
    await expect.poll(() => disc('Camera')).not.toBe(calm)
    expect(await disc('Microphone')).toBe(calm)
    await look(alice, 'everyday-unplugged')
    await button(alice, 'Camera').click()
    await expect.poll(() => notice(alice, 'DEVICE_LOST').count()).toBe(0)
    await expectPicture(bob, 'alice')
    // Switched off by the user: no notice.
    await button(alice, 'Camera').click()
    await expect.poll(() => tile(bob, 'alice').getAttribute('data-camera'), SLOW).toBe('off')
    await hangUp(alice)
    await expect.poll(() => alice.locator('.notice').count()).toBe(0)
  })

  it('is asked for a new token during a call, which continues', async () => {
    const dayLess = (seconds: number) => new Date(Date.now() - (24 * 3600 - seconds) * 1000)
    const [page, bob] = [pages.add(await pages.world.open('/')), await open('bob')]
    await pasteToken(page, await pages.world.token('dave', dayLess(25)))
    await page.getByText('Ready for a call.').waitFor()
    await call(page, 'bob')
    await answer(bob, 'dave')
    await expectPicture(bob, 'dave')
    await page.getByRole('textbox', { name: 'Your token has expired' }).waitFor({ timeout: 60_000 })
    await expectPicture(page, 'bob')
    await look(page, 'everyday-expired-in-call')
    await pasteToken(page, await pages.world.token('dave'))
    await page.getByText('In a call with bob.').waitFor()
    await expectPicture(bob, 'dave')
    await hangUp(page)
    await bob.getByText('Call with dave ended.').waitFor()
  })
})
