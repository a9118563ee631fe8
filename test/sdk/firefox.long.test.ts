import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { type Firefox, type FirefoxPage, firefoxTests, launchFirefox } from '../firefox.ts'
import { bundle, openSdkPage } from './browser-page.ts'

const SLOW = { timeout: 60_000 }

describe.runIf(callTests && firefoxTests)('Firefox', { timeout: 180_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  let firefox: Firefox
  beforeAll(async () => {
    world = await startCallWorld()
    firefox = await launchFirefox(world.network)
  }, 120_000)
  afterAll(async () => {
    await firefox?.close()
    await world?.close()
  })

  const open = async (uid: string): Promise<FirefoxPage> => {
    const page = await firefox.open(`${world.url}/health/live`)
    await page.evaluate(`(0, eval)(${JSON.stringify(`${await bundle()}; globalThis.OpenChat = OpenChat; 0`)})`)
    await page.evaluate(`(() => {
      globalThis.told = []
      const auth = ${JSON.stringify({ uid, token: await world.token(uid) })}
      const client = globalThis.client = new OpenChat.OpenChatClient({ server: { baseUrl: location.origin }, auth })
      client.rtc.on('error', ({ code, message }) => told.push(code + ': ' + message))
    })()`)
    return page
  }
  const join = (roomId: string) => `(async () => {
    await client.rtc.joinRoom(${JSON.stringify(roomId)})
    await client.rtc.enableMicrophone(true)
    await client.rtc.enableCamera(true)
  })()`
  const remote = `client.rtc.tracks.filter(({ local }) => !local).map(({ source, mediaStreamTrack }) =>
    source + ' ' + (mediaStreamTrack.muted ? 'muted' : 'flows')).toSorted()`
  const FLOWS = ['camera flows', 'microphone flows']

  it('and Firefox exchange audio and video, also after a camera was switched off and on', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    const roomId = await alice.evaluate<string>(
      `client.rtc.createRoom({ type: 'p2p', userId: 'bob' }).then(({ id }) => id)`,
    )
    await alice.evaluate(join(roomId))
    await bob.evaluate(join(roomId))
    for (const page of [alice, bob]) await expect.poll(() => page.evaluate(remote), SLOW).toEqual(FLOWS)
    await alice.evaluate(`client.rtc.enableCamera(false)`)
    await expect.poll(() => bob.evaluate(remote), SLOW).toEqual(['microphone flows'])
    await alice.evaluate(`client.rtc.enableCamera(true)`)
    await expect.poll(() => bob.evaluate(remote), SLOW).toEqual(FLOWS)
    for (const page of [alice, bob]) expect(await page.evaluate('told')).toEqual([])
    await alice.evaluate(`client.rtc.leaveRoom()`)
  })

  it.each([
    ['alice', 'bob'],
    ['bob', 'alice'],
  ])('as %s and Chromium as %s see and hear each other', async (inFirefox, inChromium) => {
    const [here, there] = [await open(inFirefox), await openSdkPage(world, inChromium)]
    const roomId = await here.evaluate<string>(
      `client.rtc.createRoom({ type: 'p2p', userId: '${inChromium}' }).then(({ id }) => id)`,
    )
    await here.evaluate(join(roomId))
    await there.evaluate(join(roomId))
    await expect.poll(() => here.evaluate(remote), SLOW).toEqual(FLOWS)
    await expect.poll(() => there.evaluate(remote), SLOW).toEqual(FLOWS)
    await there.context().close()
    await here.evaluate(`client.destroy()`)
  })
})
