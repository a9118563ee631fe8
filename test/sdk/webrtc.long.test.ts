import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { startCoturn, relayTests } from '../coturn.ts'
import { openSdkPage, received } from './browser-page.ts'
import { told, tracks, useMeetings } from './meetings.ts'

declare global {
  var signals: number
  var openGate: () => void
}

describe.runIf(callTests)('peer to peer, in real browsers', { timeout: 180_000 }, () => {
  const { open, meet } = useMeetings()

  it('both sides can switch sources concurrently, and end with every track', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    const dance = (page: Page) =>
      page.evaluate(async () => {
        const { rtc } = globalThis.client
        for (let round = 0; round < 4; round += 1) {
          await rtc.enableCamera(true)
          await rtc.enableScreenShare(round % 2 === 0)
          await rtc.enableCamera(false)
        }
        await rtc.enableCamera(true)
        await rtc.enableMicrophone(true)
      })
    await Promise.all([dance(alice), dance(bob)])
    const all = ['alice camera', 'alice microphone', 'bob camera', 'bob microphone']
    for (const page of [alice, bob]) await expect.poll(() => tracks(page), { timeout: 15_000 }).toEqual(all)
    for (const page of [alice, bob]) {
      const { frames } = await received(page)
      await expect.poll(async () => (await received(page)).frames, { timeout: 15_000 }).toBeGreaterThan(frames + 5)
      expect((await told(page)).filter((text) => text.startsWith('error'))).toEqual([])
    }
  })

  it('selecting another camera replaces the picture for the others', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    await alice.evaluate(() => globalThis.client.rtc.enableCamera(true))
    const cameras = await alice.evaluate(async () => {
      const devices = await globalThis.client.rtc.listDevices()
      return devices.filter(({ kind }) => kind === 'videoinput').map(({ deviceId }) => deviceId)
    })
    expect(cameras.length).toBeGreaterThan(0)
    await alice.evaluate((id = '') => globalThis.client.rtc.selectDevice('camera', id), cameras.at(-1))
    const used = () => alice.evaluate(() => globalThis.client.rtc.tracks[0]?.mediaStreamTrack.getSettings().deviceId)
    expect(await used()).toBe(cameras.at(-1))
    await expect.poll(() => tracks(bob), { timeout: 15_000 }).toEqual(['alice camera'])
    const { frames } = await received(bob)
    await expect.poll(async () => (await received(bob)).frames, { timeout: 15_000 }).toBeGreaterThan(frames + 5)
    const code = await alice.evaluate(() =>
      globalThis.client.rtc.selectDevice('camera', 'no such camera').catch((error) => error.code),
    )
    expect(code).toBe('DEVICE_NOT_FOUND')
  })

  it('a camera that cannot be opened leaves the previous one in use', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    await alice.evaluate(() => globalThis.client.rtc.enableCamera(true))
    await expect.poll(() => tracks(bob), { timeout: 15_000 }).toEqual(['alice camera'])
    const trackIds = () =>
      alice.evaluate(() => globalThis.client.rtc.tracks.map(({ mediaStreamTrack }) => mediaStreamTrack.id))
    const before = await trackIds()
    await alice.evaluate(() => globalThis.client.rtc.selectDevice('camera', 'no such camera').catch(() => undefined))
    expect(await trackIds()).toEqual(before)
    const { frames } = await received(bob)
    await expect.poll(async () => (await received(bob)).frames, { timeout: 15_000 }).toBeGreaterThan(frames + 5)
  })

  it('a camera that is unplugged while on is replaced by the default one, with devicesChanged', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    await meet(alice, bob)
    const devices = await alice.evaluate(async () => {
      const { rtc } = globalThis.client
      await rtc.enableCamera(true)
      const listed = await rtc.listDevices()
      const changed = new Promise<number>((resolve) => {
        rtc.on('devicesChanged', ({ devices: now }) => resolve(now.length))
      })
      const track = rtc.tracks[0]?.mediaStreamTrack
      const used = track?.getSettings().deviceId
      navigator.mediaDevices.enumerateDevices = async () => listed.filter(({ deviceId }) => deviceId !== used)
      track?.stop()
      track?.dispatchEvent(new Event('ended'))
      navigator.mediaDevices.dispatchEvent(new Event('devicechange'))
      return { before: listed.length, now: await changed }
    })
    expect(devices.now).toBe(devices.before - 1)
    const fallbacks = async () => (await told(alice)).filter((text) => /^camera .* fell back$/.test(text))
    await expect.poll(fallbacks).toHaveLength(1)
    await expect.poll(() => tracks(alice)).toEqual(['alice camera'])
    await expect.poll(() => tracks(bob), { timeout: 15_000 }).toEqual(['alice camera'])
    const { frames } = await received(bob)
    await expect.poll(async () => (await received(bob)).frames, { timeout: 15_000 }).toBeGreaterThan(frames + 5)
  })

  it('delayed, repeated and twice answered offers do not break later negotiation', async () => {
    const [alice, bob] = [await open('alice'), await open('bob')]
    // Bob makes the offers: his signals are held back until the gate opens. Alice's are counted.
    for (const page of [alice, bob]) {
      await page.evaluate(() => {
        const { fetch } = globalThis
        globalThis.signals = 0
        const gate = new Promise<void>((resolve) => {
          globalThis.openGate = resolve
        })
        globalThis.fetch = async (input, init) => {
          if (typeof init?.body === 'string' && init.body.includes('sendSignal')) {
            globalThis.signals += 1
            if (globalThis.client.rtc.userId === 'bob') await gate
          }
          return fetch(input, init)
        }
      })
    }
    await meet(bob, alice)
    await bob.evaluate(() => globalThis.client.rtc.enableMicrophone(true))
    // She repeats hello because nothing has arrived from him; he repeats the offer.
    await alice.waitForFunction(() => globalThis.signals === 2)
    await bob.waitForFunction(() => globalThis.clientConnections[0]?.signalingState === 'have-local-offer')
    await bob.evaluate(() => globalThis.openGate())
    await bob.evaluate(() => globalThis.client.rtc.enableCamera(true))
    await expect.poll(() => tracks(alice), { timeout: 20_000 }).toEqual(['bob camera', 'bob microphone'])
    const { frames } = await received(alice)
    await expect.poll(async () => (await received(alice)).frames, { timeout: 15_000 }).toBeGreaterThan(frames + 5)
    for (const page of [alice, bob]) {
      expect((await told(page)).filter((text) => text.startsWith('error'))).toEqual([])
    }
  })

  it('six participants hear each other, and a seventh gets ROOM_FULL', async () => {
    const people = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((uid) => open(uid, { provider: 'webrtc' })))
    const roomId = await meet(...people)
    await Promise.all(people.map((page) => page.evaluate(() => globalThis.client.rtc.enableMicrophone(true))))
    for (const page of people) {
      await expect.poll(async () => (await received(page)).audios, { timeout: 90_000 }).toBe(5)
    }
    const seventh = await open('g')
    const code = await seventh.evaluate((id) => globalThis.client.rtc.joinRoom(id).catch((error) => error.code), roomId)
    expect(code).toBe('ROOM_FULL')
  })
})

describe.runIf(callTests && relayTests)('through a relay only', { timeout: 90_000 }, () => {
  it('an ICE restart restores the call after the relay was lost and restored', async () => {
    const world = await startCallWorld({ relay: true })
    try {
      const options = { rtcConfiguration: { iceTransportPolicy: 'relay' } } as const
      const [alice, bob] = [await openSdkPage(world, 'alice', options), await openSdkPage(world, 'bob', options)]
      const roomId = await alice.evaluate(async () => {
        const { rtc } = globalThis.client
        const room = await rtc.createRoom({ type: 'p2p', userId: 'bob' })
        await rtc.joinRoom(room.id)
        await rtc.enableCamera(true)
        return room.id
      })
      await bob.evaluate((id) => globalThis.client.rtc.joinRoom(id), roomId)
      await expect.poll(async () => (await received(bob)).frames, { timeout: 20_000 }).toBeGreaterThan(5)

      await world.turn?.close()
      await expect.poll(() => told(bob), { timeout: 20_000 }).toContain('alice is reconnecting')
      const turn = await startCoturn(world.network)
      try {
        const before = await told(bob)
        await expect
          .poll(async () => (await told(bob)).slice(before.length), { timeout: 45_000 })
          .toContain('alice is connected')
        const { frames } = await received(bob)
        await expect.poll(async () => (await received(bob)).frames, { timeout: 15_000 }).toBeGreaterThan(frames + 5)
      } finally {
        await turn.close()
      }
    } finally {
      await world.close()
    }
  })
})
