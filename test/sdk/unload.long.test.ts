import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { callTests, withCallWorld } from '../call-world.ts'
import { becomeClient, openSdkPage } from './browser-page.ts'

const told = (page: Page) => page.evaluate(() => globalThis.told)
const enter = (page: Page, roomId: string) => page.evaluate((id) => globalThis.client.rtc.joinRoom(id), roomId)

describe.runIf(callTests)('a page that unloads', { timeout: 120_000 }, () => {
  it('leaves soon after it is closed, long before the grace ends, and stays in the call after a reload', () =>
    withCallWorld(
      async (world) => {
        const [alice, bob] = [await openSdkPage(world, 'alice'), await openSdkPage(world, 'bob')]
        const roomId = await alice.evaluate(async () => {
          const room = await globalThis.client.rtc.createRoom({ type: 'p2p', userId: 'bob' })
          await globalThis.client.rtc.joinRoom(room.id)
          return room.id
        })
        await enter(bob, roomId)
        await expect.poll(() => told(alice), { timeout: 30_000 }).toContain('bob is connected')

        await bob.reload()
        await becomeClient(bob, 'bob', { token: await world.token('bob') })
        await enter(bob, roomId)
        await expect.poll(() => told(bob), { timeout: 30_000 }).toContain('alice is connected')
        expect((await told(alice)).filter((text) => text.startsWith('ended'))).toEqual([])

        const closed = bob.waitForEvent('close')
        await bob.close({ runBeforeUnload: true })
        await closed
        // The grace is ten minutes in this test.
        await expect.poll(() => told(alice), { timeout: 60_000 }).toContain('ended completed')
      },
      { env: { DISCONNECT_GRACE: '600' } },
    ))
})
