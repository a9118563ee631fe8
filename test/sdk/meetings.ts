import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type CallWorld, startCallWorld } from '../call-world.ts'
import { openSdkPage } from './browser-page.ts'

export const told = (page: Page): Promise<string[]> => page.evaluate(() => globalThis.told)
export const tracks = (page: Page): Promise<string[]> =>
  page.evaluate(() => globalThis.client.rtc.tracks.map(({ userId, source }) => `${userId} ${source}`).toSorted())

/** Where the tests of a file open pages with clients, which are closed after each. */
export interface Meetings {
  readonly world: CallWorld
  open(uid: string, options?: Parameters<typeof openSdkPage>[2]): Promise<Page>
  /** Who is named first creates the room; all join, in this order. @returns its id */
  meet(...people: Page[]): Promise<string>
}

/** Starts a world for the tests of the `describe` that this is called in. */
export function useMeetings(): Meetings {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  const pages: Page[] = []
  beforeAll(async () => {
    world = await startCallWorld()
  })
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.context().close()))
  })
  afterAll(() => world?.close())
  return {
    get world() {
      return world
    },
    async open(uid, options) {
      const page = await openSdkPage(world, uid, options)
      pages.push(page)
      return page
    },
    async meet(...people) {
      const ids = await Promise.all(people.map((page) => page.evaluate(() => globalThis.client.rtc.userId)))
      const roomId = await people[0]?.evaluate(async (userIds) => {
        const room = await globalThis.client.rtc.createRoom({ type: 'group', userIds, access: 'link' })
        return room.id
      }, ids.slice(1))
      for (const page of people) await page.evaluate((id = '') => globalThis.client.rtc.joinRoom(id), roomId)
      return roomId ?? ''
    },
  }
}
