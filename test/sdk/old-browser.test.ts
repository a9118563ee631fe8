import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { becomeClient, noteConnections } from './browser-page.ts'

describe.runIf(callTests)('a restricted or old browser', { timeout: 120_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  beforeAll(async () => {
    world = await startCallWorld()
  })
  afterAll(() => world?.close())

  const joined = async (uid: string, restrict: (page: Page) => Promise<unknown>) => {
    const page = await world.open('/health/live', async (fresh) => {
      await noteConnections(fresh)
      await restrict(fresh)
    })
    await becomeClient(page, uid, { token: await world.token(uid) })
    const status = await page.evaluate(async () => {
      const { rtc } = globalThis.client
      const { id } = await rtc.createRoom({ type: 'group' })
      const room = await rtc.joinRoom(id)
      await rtc.enableCamera(true)
      return room.participants.find(({ userId }) => userId === rtc.userId)?.state
    })
    const events = await page.evaluate(() => globalThis.told.filter((text) => text.startsWith('error')))
    await page.context().close()
    return { status, events }
  }

  it.each<[string, (page: Page) => Promise<unknown>]>([
    [
      'storage that is full',
      (page) =>
        page.addInitScript(() => {
          Storage.prototype.setItem = () => {
            throw new DOMException('', 'QuotaExceededError')
          }
        }),
    ],
    [
      'storage that is denied',
      (page) =>
        page.addInitScript(() => {
          Storage.prototype.getItem = () => {
            throw new DOMException('', 'SecurityError')
          }
        }),
    ],
    [
      'no sessionStorage',
      (page) =>
        page.addInitScript(() => {
          Object.defineProperty(globalThis, 'sessionStorage', {
            get() {
              throw new DOMException('', 'SecurityError')
            },
          })
        }),
    ],
    [
      'no Web Locks',
      (page) =>
        page.addInitScript(() => {
          navigator.locks.request = () => Promise.reject(new DOMException('', 'SecurityError'))
        }),
    ],
    [
      'nothing newer than ES2022 and the oldest supported browsers',
      (page) =>
        page.addInitScript(() => {
          for (const [owner, names] of [
            [AbortSignal, ['timeout', 'any']],
            [Array.prototype, ['findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with']],
            [Object, ['groupBy']],
            [Map, ['groupBy']],
            [Promise, ['withResolvers', 'try']],
            [Array, ['fromAsync']],
            [globalThis, ['structuredClone']],
            [crypto, ['randomUUID']],
          ] as const) {
            for (const name of names) Reflect.deleteProperty(owner, name)
            for (const name of names) Object.defineProperty(owner, name, { value: undefined, configurable: true })
          }
        }),
    ],
  ])('joins with %s', async (_name, restrict) => {
    expect(await joined('alice', restrict)).toEqual({ status: 'joined', events: [] })
  })
})
