import { describe, expect, it } from 'vitest'
import { callTests } from '../call-world.ts'
import { becomeClient, received } from './browser-page.ts'
import { told, tracks, useMeetings } from './meetings.ts'

describe.runIf(callTests)('peer to peer, in real browsers', { timeout: 180_000 }, () => {
  const meetings = useMeetings()
  const { open, meet } = meetings

  it('the other side sees a source added and removed in turn, however often it is switched', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    await alice.evaluate(async () => {
      const { rtc } = globalThis.client
      for (let round = 0; round < 3; round += 1) {
        await rtc.enableCamera(true)
        await rtc.enableCamera(false)
      }
      await rtc.enableMicrophone(true)
      await rtc.enableCamera(true)
      await rtc.enableScreenShare(true)
    })
    await expect
      .poll(() => tracks(bob), { timeout: 15_000 })
      .toEqual(['alice camera', 'alice microphone', 'alice screen'])
    const flow = await received(bob)
    await expect.poll(async () => (await received(bob)).frames, { timeout: 15_000 }).toBeGreaterThan(flow.frames + 5)
    await alice.evaluate(() => globalThis.client.rtc.enableScreenShare(false))
    await expect.poll(() => tracks(bob)).toEqual(['alice camera', 'alice microphone'])

    const heard = (await told(bob)).filter((text) => /^[+-] alice (camera|screen)/.test(text))
    for (const source of ['camera', 'screen']) {
      const of = heard.filter((text) => text.endsWith(source)).map((text) => text[0])
      // Added, removed, added, …: strictly alternating.
      expect(of).toEqual(of.map((_, index) => (index % 2 === 0 ? '+' : '-')))
    }
    expect((await told(bob)).filter((text) => text.startsWith('error'))).toEqual([])
    // One m-line per source, reused each time.
    const lines = await bob.evaluate(
      () => globalThis.clientConnections[0]?.remoteDescription?.sdp.match(/^m=/gm)?.length,
    )
    expect(lines).toBe(3)
  })

  it('a muted microphone keeps its track and is announced as muted', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    await alice.evaluate(() => globalThis.client.rtc.enableMicrophone(true))
    await expect.poll(() => tracks(bob), { timeout: 15_000 }).toEqual(['alice microphone'])
    const audioOf = () =>
      bob.evaluate(() => globalThis.client.rtc.room?.participants.find(({ userId }) => userId === 'alice')?.audio)
    await expect.poll(audioOf).toBe(true)
    await alice.evaluate(() => globalThis.client.rtc.enableMicrophone(false))
    await expect.poll(audioOf).toBe(false)
    expect(await tracks(bob)).toEqual(['alice microphone'])
  })

  it('a phone that allows one camera at a time reopens the previous one if the new one fails', async () => {
    const alice = await open('alice')
    await meet(alice)
    const outcome = await alice.evaluate(async () => {
      const { rtc } = globalThis.client
      await rtc.enableCamera(true)
      const devices = navigator.mediaDevices
      const getUserMedia = devices.getUserMedia.bind(devices)
      devices.getUserMedia = async (constraints) => {
        const wanted = JSON.stringify(constraints?.video).includes('back camera')
        if (wanted) throw new DOMException('', 'NotReadableError')
        return getUserMedia(constraints)
      }
      const code = await rtc.selectDevice('camera', 'back camera').catch((error) => error.code)
      return { code, states: rtc.tracks.map(({ mediaStreamTrack }) => mediaStreamTrack.readyState) }
    })
    expect(outcome).toEqual({ code: 'DEVICE_FAILED', states: ['live'] })
  })

  it('a selected camera that is gone is replaced by the default one, with deviceFallback', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    await alice.evaluate(async () => {
      await globalThis.client.rtc.selectDevice('camera', 'of yesterday')
      await globalThis.client.rtc.enableCamera(true)
    })
    expect(await told(alice)).toContain('camera of yesterday fell back')
    await expect.poll(() => tracks(bob), { timeout: 15_000 }).toEqual(['alice camera'])
  })

  it('selecting another microphone keeps it muted', async () => {
    const alice = await open('alice')
    await meet(alice)
    const enabled = await alice.evaluate(async () => {
      const { rtc } = globalThis.client
      await rtc.enableMicrophone(true)
      await rtc.enableMicrophone(false)
      const came: boolean[] = []
      rtc.on('trackAdded', ({ mediaStreamTrack }) => came.push(mediaStreamTrack.enabled))
      const devices = await rtc.listDevices()
      const microphone = devices.findLast(({ kind }) => kind === 'audioinput')
      await rtc.selectDevice('microphone', microphone?.deviceId ?? '')
      return came
    })
    expect(enabled).toEqual([false])
  })

  it('a duplicated tab has its own device id: it takes over the call, and the first tab is replaced', async () => {
    const alice = await open('alice')
    const roomId = await meet(alice)
    const [duplicate] = await Promise.all([
      alice.waitForEvent('popup'),
      // With a copy of the tab's sessionStorage.
      alice.evaluate(() => window.open(location.href)),
    ])
    await duplicate.waitForLoadState()
    await becomeClient(duplicate, 'alice', { token: await meetings.world.token('alice') })
    await duplicate.evaluate((id) => globalThis.client.rtc.joinRoom(id), roomId)
    await expect.poll(() => told(alice)).toContain('ended replaced')
    expect(await duplicate.evaluate(() => globalThis.client.rtc.room?.id)).toBe(roomId)
  })

  it('a denied camera is DEVICE_DENIED, and the call continues without it', async () => {
    const [alice, bob] = [await open('alice', { permissionsPolicy: 'camera=()' }), await open('bob')]
    await meet(alice, bob)
    const code = await alice.evaluate(() => globalThis.client.rtc.enableCamera(true).catch((error) => error.code))
    expect(code).toBe('DEVICE_DENIED')
    await alice.evaluate(() => globalThis.client.rtc.enableMicrophone(true))
    await expect.poll(() => tracks(bob), { timeout: 15_000 }).toEqual(['alice microphone'])
  })
})
