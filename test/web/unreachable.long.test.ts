import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { answer, call, hangUp, look, openCallPage, tile } from './pages.ts'

/** 15 s for the first connection, 10 s for an ICE restart, 15 s for a new connection, and slack for a busy machine. */
const GIVEN_UP = { timeout: 90_000, interval: 500 }

/** Restricts the page's connections to a relay, which does not exist. */
const relayOnly = (page: Page) =>
  page.addInitScript(() => {
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: 'relay' })
      }
    }
  })

describe.runIf(callTests)('a call whose media does not connect', { timeout: 150_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  beforeAll(async () => {
    world = await startCallWorld()
  }, 60_000)
  afterAll(() => world?.close())

  it('shows the peer as unreachable in the status, on the tile and in a notice, and does not start the timer', async () => {
    const alice = await openCallPage(world, 'alice', { before: relayOnly })
    const bob = await openCallPage(world, 'bob', { before: relayOnly })
    await call(alice, 'bob')
    await answer(bob, 'alice')
    await alice.getByText('In a call with bob.').waitFor()
    for (const [page, other] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const) {
      await expect.poll(() => page.locator('.status').textContent(), GIVEN_UP).toBe(`${other} cannot be reached.`)
      await expect.poll(() => tile(page, other).getAttribute('data-media')).toBe('unreachable')
      await tile(page, other).getByText('Not reachable').waitFor()
      const notice = page.locator('.notice[data-code="MEDIA_FAILED"]')
      await expect
        .poll(() => notice.allInnerTexts())
        .toEqual([`${other} cannot be reached: there is no direct way to them, and this gateway has no relay.`])
      await expect.poll(() => page.getByRole('timer').count()).toBe(0)
    }
    await look(alice, 'unreachable')
    await hangUp(alice)
    await expect.poll(() => alice.locator('.notice').count()).toBe(0)
  })
})
