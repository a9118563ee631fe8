import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { becomeClient, openSdkPage } from './browser-page.ts'

declare global {
  /** The signals that the page has sent, as `to type`. */
  var signalled: string[]
}

/** Repetitions of each sequence; 50 reveal rare races. */
const REPEATS = Number(process.env['NEGOTIATION_REPEATS'] ?? 1)
/**
 * Signals from one participant to another per sequence: hello, offers, answers and candidates, with room for a second
 * round.
 */
const SIGNALS_MAX = 10
const SLOW = { timeout: 30_000 }

const noteSignals = (page: Page) =>
  page.evaluate(() => {
    globalThis.signalled = []
    const { fetch } = globalThis
    globalThis.fetch = async (input, init) => {
      if (typeof init?.body === 'string' && init.body.includes('sendSignal')) {
        const { toId, type } = JSON.parse(init.body).variables.input
        globalThis.signalled.push(`${toId} ${type}`)
      }
      return fetch(input, init)
    }
  })
const forgetSignals = (pages: readonly Page[]) =>
  Promise.all(pages.map((page) => page.evaluate(() => globalThis.signalled.splice(0))))

describe.runIf(callTests)('a group with cameras and microphones', { timeout: 120_000 + 90_000 * REPEATS }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  beforeAll(async () => {
    // Few users make many calls in a short time.
    world = await startCallWorld({ env: { RATE_LIMITS: 'off' } })
  })
  afterAll(() => world?.close())

  /** Joins and publishes camera and microphone, as the call page does. */
  const enter = (page: Page, roomId: string) =>
    page.evaluate(async (id) => {
      const { rtc } = globalThis.client
      await rtc.joinRoom(id)
      await Promise.all([rtc.enableMicrophone(true), rtc.enableCamera(true)])
    }, roomId)
  const reload = async (page: Page, name: string, roomId: string) => {
    await page.reload()
    await becomeClient(page, name, { token: await world.token(name) })
    await noteSignals(page)
    await enter(page, roomId)
  }
  const remoteTracks = (page: Page) =>
    page.evaluate(() =>
      globalThis.client.rtc.tracks
        .filter(({ local }) => !local)
        .map(({ userId, source }) => `${userId} ${source}`)
        .toSorted(),
    )
  const connected = (page: Page) =>
    page.evaluate(() =>
      globalThis.clientConnections
        .filter(({ connectionState }) => connectionState !== 'closed')
        .map(({ connectionState, signalingState }) => `${connectionState} ${signalingState}`),
    )
  /** Every participant receives every other's camera and microphone over one connection each. */
  const expectMesh = async (pages: readonly Page[], names: readonly string[], more: readonly string[] = []) => {
    for (const [index, page] of pages.entries()) {
      const others = names.filter((_, other) => other !== index)
      const expected = others.flatMap((name) => [`${name} camera`, `${name} microphone`])
      const alsoSeen = more.filter((text) => !text.startsWith(`${names[index]} `))
      await expect.poll(() => remoteTracks(page), SLOW).toEqual([...expected, ...alsoSeen].toSorted())
      await expect.poll(() => connected(page), SLOW).toEqual(others.map(() => 'connected stable'))
      expect(await page.evaluate(() => globalThis.told.filter((text) => text.startsWith('error')))).toEqual([])
    }
  }
  const expectFewSignals = async (pages: readonly Page[]) => {
    for (const page of pages) {
      const counts = new Map<string, number>()
      for (const signal of await page.evaluate(() => globalThis.signalled)) {
        const to = signal.split(' ')[0] ?? ''
        counts.set(to, (counts.get(to) ?? 0) + 1)
      }
      for (const [to, count] of counts) expect(count, `signals to ${to}`).toBeLessThanOrEqual(SIGNALS_MAX)
    }
  }

  for (const names of [
    ['alice', 'bob', 'carol'],
    ['alice', 'bob', 'carol', 'dave'],
  ]) {
    /** Repeats the sequence, each time in a new call and with the roles rotated. */
    const repeatedly = async (play: (pages: Page[], roomId: string, lead: number) => Promise<void>) => {
      for (let round = 0; round < REPEATS; round += 1) {
        const pages: Page[] = []
        try {
          for (const name of names) pages.push(await openSdkPage(world, name))
          await Promise.all(pages.map(noteSignals))
          const roomId = await pages[0]?.evaluate(async (userIds) => {
            const room = await globalThis.client.rtc.createRoom({ type: 'group', userIds })
            return room.id
          }, names.slice(1))
          await Promise.all(pages.map((page) => enter(page, roomId ?? '')))
          await expectMesh(pages, names)
          await forgetSignals(pages)
          await play(pages, roomId ?? '', round % names.length)
        } finally {
          await Promise.all(pages.map((page) => page.context().close()))
        }
      }
    }

    it(`of ${names.length}: after a reload each pair reconnects with a bounded number of signals`, () =>
      repeatedly(async (pages, roomId, lead) => {
        const page = pages[lead]
        if (page) await reload(page, names[lead] ?? '', roomId)
        await expectMesh(pages, names)
        await expectFewSignals(pages)
      }))

    it(`of ${names.length}: a screen share, a leave and rejoin, and a reload keep every pair connected`, () =>
      repeatedly(async (pages, roomId, lead) => {
        const sharer = pages[lead]
        const other = pages[(lead + 1) % names.length]
        if (!sharer || !other) return
        await sharer.evaluate(() => globalThis.client.rtc.enableScreenShare(true))
        await other.evaluate(() => globalThis.client.rtc.leaveRoom())
        await enter(other, roomId)
        await expectMesh(pages, names, [`${names[lead]} screen`])
        await expectFewSignals(pages)
        await forgetSignals(pages)
        await reload(sharer, names[lead] ?? '', roomId)
        await expectMesh(pages, names)
        await expectFewSignals(pages)
      }))
  }
})
