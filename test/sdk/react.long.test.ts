import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import { noteConnections, openSdkPage } from './browser-page.ts'

const SLOW = { timeout: 30_000 }

/** The application bundled with React's development build, in which StrictMode mounts every component twice. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    define: { 'process.env.NODE_ENV': '"development"' },
    resolve: { alias: { '@openchat/sdk': fileURLToPath(new URL('../../src/sdk/index.ts', import.meta.url)) } },
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL('react-page.ts', import.meta.url)), formats: ['iife'], name: 'Application' },
      rolldownOptions: { external: ['@volcengine/rtc', 'livekit-client', 'agora-rtc-sdk-ng', 'wukongimjssdk'] },
    },
  })
  const [first] = Array.isArray(built) ? built : [built]
  if (!first || !('output' in first)) throw new Error('the bundle is not written')
  return first.output[0].code
}

const shown = (page: Page, name: string) => page.locator(`[data-call="${name}"]`).textContent()
const render = (page: Page, ...keys: string[]) => page.evaluate((names) => globalThis.reactPage.render(names), keys)
/** Waits until every destroyed client has finished. */
const settled = (page: Page) =>
  page.evaluate(async () => {
    await Promise.all(globalThis.reactPage.departures)
    return globalThis.reactPage.departures.length
  })

describe.runIf(callTests)('an application in React’s StrictMode', { timeout: 180_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  let script: string
  beforeAll(async () => {
    ;[world, script] = await Promise.all([startCallWorld(), bundle()])
  }, 60_000)
  afterAll(() => world?.close())

  it.each([
    ['p2p', { type: 'p2p', userId: 'alice' }],
    ['group', { type: 'group', userIds: ['alice'] }],
  ] as const)('stays in its %s call while its clients come and go', async (type, options) => {
    const bob = await openSdkPage(world, 'bob')
    const roomId = await bob.evaluate(async (room) => {
      const { id } = await globalThis.client.rtc.createRoom(room)
      return (await globalThis.client.rtc.joinRoom(id)).id
    }, options)
    const alice = await world.open('/health/live', noteConnections)
    await alice.addScriptTag({ content: script })
    await alice.evaluate((props) => globalThis.startReactPage(props), {
      uid: 'alice',
      token: await world.token('alice'),
      roomId,
    })
    /** Asserts that alice is in the call, for the gateway and for bob's media, and never left it. */
    const expectUnbroken = async () => {
      const person = await world.person('bob')
      const seat = async () => {
        const { body } = await person.rest('GET', `/rooms/${roomId}/participants`)
        const { state, connected } = body.find(({ userId }: { userId: string }) => userId === 'alice')
        return { state, connected }
      }
      // The destroyed client's stream may end before the next client's begins.
      await expect.poll(seat, SLOW).toEqual({ state: 'joined', connected: true })
      expect((await person.rest('GET', `/rooms/${roomId}`)).body.status).toBe('active')
      const states = () => bob.evaluate(() => globalThis.told.filter((text) => text.startsWith('alice is')).at(-1))
      await expect.poll(states, SLOW).toBe('alice is connected')
      const events = await bob.evaluate((id) => globalThis.client.rtc.getEvents(id), roomId)
      expect(events.map((event) => event.type)).not.toContain('participant_left')
      expect(await bob.evaluate(() => globalThis.told.filter((text) => text.startsWith('ended')))).toEqual([])
    }

    await render(alice, 'first')
    await expect.poll(() => shown(alice, 'first'), SLOW).toBe('active')
    // Mounted twice: the first client was destroyed.
    expect(await settled(alice)).toBe(1)
    await expectUnbroken()

    // As after a hot reload.
    await render(alice, 'second')
    await expect.poll(() => shown(alice, 'second'), SLOW).toBe('active')
    expect(await settled(alice)).toBe(3)
    await expectUnbroken()

    // A component that mounts while its responses are lost, so that its join fails.
    await alice.evaluate(() => {
      const { fetch } = globalThis
      globalThis.fetch = async (input, init) => {
        const answer = await fetch(input, init)
        if (typeof init?.body === 'string' && init.body.includes('mutation JoinRoom'))
          throw new TypeError('the connection was reset')
        return answer
      }
    })
    await render(alice, 'second', 'failing')
    await expect.poll(() => shown(alice, 'failing'), SLOW).toBe('UNREACHABLE')
    await expectUnbroken()
    await render(alice, 'second')
    await settled(alice)
    expect(await shown(alice, 'second')).toBe('active')
    await expectUnbroken()

    await render(alice)
    await settled(alice)
    const person = await world.person('bob')
    // The leave of an unmounted component is delayed by 100 ms.
    const stateOfAlice = async () => {
      const { body } = await person.rest('GET', `/rooms/${roomId}/participants`)
      return body.find(({ userId }: { userId: string }) => userId === 'alice').state
    }
    await expect.poll(stateOfAlice, SLOW).toBe('left')
    if (type === 'p2p') {
      await expect.poll(() => bob.evaluate(() => globalThis.told), SLOW).toContain('ended completed')
    }
    await Promise.all([alice, bob].map((page) => page.context().close()))
  })
})
