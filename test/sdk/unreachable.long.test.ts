import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { ConnectionInfo, RtcError } from '../../src/sdk/index.ts'
import { callTests, startCallWorld } from '../call-world.ts'
import { relayTests } from '../coturn.ts'
import { openSdkPage } from './browser-page.ts'

declare global {
  var failures: Pick<RtcError, 'code' | 'message' | 'peer'>[]
  var mediaStarts: number[]
}

const RELAY_ONLY = { iceTransportPolicy: 'relay' } as const
/** 15 s for the first connection, 10 s for an ICE restart, 15 s for a new connection, and slack for a busy machine. */
const GIVEN_UP = { timeout: 75_000, interval: 500 }

describe.runIf(callTests && relayTests)('media that cannot connect', { timeout: 120_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  beforeAll(async () => {
    world = await startCallWorld({ relay: true, env: { RATE_LIMITS: 'off' } })
  })
  afterAll(() => world?.close())

  /** A call of two with this configuration of their peer connections. */
  const pair = async (
    names: readonly [string, string],
    rtcConfiguration: RTCConfiguration,
    prepare?: (page: Page) => Promise<unknown>,
  ) => {
    const pages = await Promise.all(names.map((name) => openSdkPage(world, name, { rtcConfiguration })))
    for (const page of pages) {
      await prepare?.(page)
      await page.evaluate(() => {
        globalThis.failures = []
        globalThis.mediaStarts = []
        const { rtc } = globalThis.client
        rtc.on('error', ({ code, message, peer }) => globalThis.failures.push({ code, message, peer }))
        rtc.on('mediaStarted', ({ at }) => globalThis.mediaStarts.push(at))
      })
    }
    const [caller, callee] = pages
    if (!caller || !callee) throw new Error('there are two')
    const roomId = await caller.evaluate(async (userId) => {
      const { rtc } = globalThis.client
      const room = await rtc.createRoom({ type: 'p2p', userId })
      await rtc.joinRoom(room.id)
      await rtc.enableMicrophone(true)
      return room.id
    }, names[1])
    await callee.evaluate(async (id) => {
      await globalThis.client.rtc.joinRoom(id)
      await globalThis.client.rtc.enableMicrophone(true)
    }, roomId)
    return { caller, callee, close: () => Promise.all(pages.map((page) => page.context().close())) }
  }
  const infoOf = (page: Page) =>
    page.evaluate(() => {
      const info = globalThis.client.rtc.connectionInfo as ConnectionInfo
      return { ...info, mediaStartedAt: info.mediaStartedAt ?? null, peers: Object.fromEntries(info.peers) }
    })

  it.concurrent.for([
    {
      names: ['alice', 'bob'] as const,
      situation: 'a relay only, and no TURN server',
      configuration: () => ({ ...RELAY_ONLY, iceServers: [] }),
      hasTurn: false,
      reason: { reason: 'no_turn', serverCode: undefined },
    },
    {
      names: ['carol', 'dave'] as const,
      situation: 'a TURN server that refuses',
      configuration: () => ({
        ...RELAY_ONLY,
        iceServers: [{ urls: world.turn?.url ?? '', username: '1:carol', credential: 'of somebody else' }],
      }),
      hasTurn: true,
      reason: { reason: 'relay_refused', serverCode: 401 },
    },
    {
      names: ['erin', 'frank'] as const,
      situation: 'candidates without a route',
      configuration: () => ({}),
      prepare: (page: Page) =>
        page.evaluate(() => {
          const { fetch } = globalThis
          // A documentation address (RFC 5737), which is never reachable.
          globalThis.fetch = (input, init) =>
            typeof init?.body === 'string' && init.body.includes('sendSignal')
              ? fetch(input, { ...init, body: init.body.replaceAll('127.0.0.1', '192.0.2.1') })
              : fetch(input, init)
        }),
      hasTurn: true,
      reason: { reason: 'nothing_arrives', serverCode: undefined },
    },
  ])('by $situation is reported once, with peer and reason, and not retried in a loop', async (example, { expect }) => {
    const { names, configuration, prepare, hasTurn, reason } = example
    const { caller, callee, close } = await pair(names, configuration(), prepare)
    try {
      for (const [page, other] of [
        [caller, names[1]],
        [callee, names[0]],
      ] as const) {
        await expect.poll(() => page.evaluate(() => globalThis.failures), GIVEN_UP).toHaveLength(1)
        const [failure] = await page.evaluate(() => globalThis.failures)
        expect(failure).toMatchObject({ code: 'MEDIA_FAILED', peer: { userId: other, reason: reason.reason } })
        expect(failure?.peer?.serverCode).toBe(reason.serverCode)
        expect(failure?.message).toContain(other)
        expect(await infoOf(page)).toMatchObject({
          hasTurn,
          mediaStartedAt: null,
          peers: { [other]: { state: 'unreachable', reason: reason.reason } },
        })
        await expect.poll(() => page.evaluate(() => globalThis.told)).toContain(`${other} is unreachable`)
        expect(await page.evaluate(() => globalThis.mediaStarts)).toEqual([])
        // The first connection and the rebuilt one.
        expect(await page.evaluate(() => globalThis.clientConnections.length)).toBe(2)
      }
    } finally {
      await close()
    }
  })

  it.concurrent('is not reported when media arrives; mediaStarted is emitted', async ({ expect }) => {
    const { caller, callee, close } = await pair(['grace', 'heidi'], RELAY_ONLY)
    try {
      for (const page of [caller, callee]) {
        await expect.poll(() => page.evaluate(() => globalThis.mediaStarts.length), { timeout: 30_000 }).toBe(1)
        const [at] = await page.evaluate(() => globalThis.mediaStarts)
        expect(await infoOf(page)).toMatchObject({ provider: 'webrtc', hasTurn: true, mediaStartedAt: at })
        expect(await page.evaluate(() => globalThis.failures)).toEqual([])
      }
    } finally {
      await close()
    }
  })
})
