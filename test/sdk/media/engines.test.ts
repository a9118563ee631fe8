import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openAgora } from '../../../src/sdk/media/agora.ts'
import { openLivekit } from '../../../src/sdk/media/livekit.ts'
import type { MediaSession, OpenMedia } from '../../../src/sdk/media/media.ts'
import { openVolcengine } from '../../../src/sdk/media/volcengine.ts'
import type { Connection } from '../../../src/sdk/model.ts'
import { AgoraDouble } from './agora-double.ts'
import { HostDouble, participant, type TrackDouble } from './host.ts'
import { RoomDouble } from './livekit-double.ts'
import { volcengine } from './volcengine-double.ts'

const browser = vi.hoisted(() => ({ supported: true }))

vi.mock('@volcengine/rtc', async () => ({ default: (await import('./volcengine-double.ts')).volcengine }))
vi.mock('livekit-client', async (original) => ({
  ...(await original<typeof import('livekit-client')>()),
  Room: (await import('./livekit-double.ts')).RoomDouble,
  isBrowserSupported: () => browser.supported,
}))

/** The controls of a vendor's fake, the same for every vendor. */
interface Vendor {
  readonly open: OpenMedia
  readonly connection: Pick<Connection, 'provider'> & Partial<Connection>
  readonly needs: 'appId' | 'url'
  unsupported(): void
  refuseJoining(error: Error): void
  neverAnswer(): void
  // The following apply after joining.
  /** Every opened device. */
  devices(): TrackDouble[]
  published(): number
  refusePublishing(error: Error | undefined): void
  ask(permission: Promise<void>): void
  stopSharing(): unknown
  failLeaving(): void
  hasLeft(): boolean
  /** Emits what a vendor may emit after the end. */
  straggle(): void
}

let agora: AgoraDouble
const never = (): Promise<never> => new Promise(() => undefined)

const VENDORS: Record<string, Vendor> = {
  volcengine: {
    open: openVolcengine,
    connection: { provider: 'volcengine', appId: 'app-1' },
    needs: 'appId',
    unsupported: () => void (volcengine.supported = false),
    refuseJoining: (error) => void (volcengine.engine.joinError = error),
    neverAnswer: () => void (volcengine.engine.joinRoom = never),
    devices: () => volcengine.engine.opened,
    published: () => volcengine.engine.published.size,
    refusePublishing: (error) => void (volcengine.engine.publishError = error),
    ask: (permission) => void (volcengine.engine.permission = permission),
    stopSharing: () => volcengine.engine.end('screen'),
    failLeaving: () => void (volcengine.engine.leaveRoom = () => Promise.reject(new Error('the socket is gone'))),
    hasLeft: () => volcengine.asked.some((call) => Array.isArray(call) && call[0] === 'destroyEngine'),
    straggle: () => {
      volcengine.engine.tell('onConnectionStateChanged', { state: 4 })
      volcengine.engine.publishes('carol', 0, 'audio')
      volcengine.engine.tell('onError', { errorCode: 'RECONNECT_FAILED' })
    },
  },
  livekit: {
    open: openLivekit,
    connection: { provider: 'livekit', url: 'wss://livekit.example' },
    needs: 'url',
    unsupported: () => void (browser.supported = false),
    refuseJoining: (error) => void (RoomDouble.connectError = error),
    neverAnswer: () => void (RoomDouble.connecting = never()),
    devices: () => RoomDouble.last.opened.map((track) => track.device),
    published: () => RoomDouble.last.published.size,
    refusePublishing: (error) => void (RoomDouble.last.publishError = error),
    ask: (permission) => void (RoomDouble.last.devices.permission = permission),
    stopSharing: () => RoomDouble.last.stopSharing(),
    failLeaving: () => void (RoomDouble.last.disconnect = () => Promise.reject(new Error('the socket is gone'))),
    hasLeft: () => RoomDouble.last.asked.some((call) => Array.isArray(call) && call[0] === 'disconnect'),
    straggle: () => {
      RoomDouble.last.emit('reconnected')
      RoomDouble.last.subscriptionFails('carol')
      RoomDouble.last.drop('SERVER_SHUTDOWN')
    },
  },
  agora: {
    open: openAgora,
    connection: { provider: 'agora', appId: 'app-1', uid: 1 },
    needs: 'appId',
    unsupported: () => void (agora.supported = false),
    refuseJoining: (error) => void (agora.client.joinError = error),
    neverAnswer: () => void (agora.client.join = never),
    devices: () => agora.opened.map((track) => track.device),
    published: () => agora.client.published.size,
    refusePublishing: (error) => void (agora.client.publishError = error),
    ask: (permission) => void (agora.permission = permission),
    stopSharing: () => agora.opened[0]?.end(),
    failLeaving: () => void (agora.client.leave = () => Promise.reject(new Error('the socket is gone'))),
    hasLeft: () => agora.client.asked.some((call) => Array.isArray(call) && call[0] === 'leave'),
    straggle: () => {
      agora.client.state('RECONNECTING')
      agora.client.publishes(3, 'audio')
      agora.client.state('DISCONNECTED', 'NETWORK_ERROR')
    },
  },
}

let host: HostDouble

beforeEach(() => {
  volcengine.reset()
  RoomDouble.reset()
  browser.supported = true
  agora = new AgoraDouble()
  // The package needs a window when imported, so in Node.js only the script tag's global works.
  vi.stubGlobal('AgoraRTC', agora)
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

/** Waits one turn of the event loop, so that settled promises are handled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe.each(Object.entries(VENDORS))('%s', (_name, vendor) => {
  beforeEach(() => {
    host = new HostDouble(vendor.connection)
    host.others = [participant('carol', 3)]
  })

  const states = (): string[] => vendor.devices().map((device) => device.readyState)

  /** Joins as alice and clears the record. */
  async function join(): Promise<MediaSession> {
    const session = await vendor.open(host)
    host.told.length = 0
    return session
  }

  describe('joining', () => {
    test('that the vendor rejects is MEDIA_FAILED with the cause, and the room is left', async () => {
      const cause = new Error('no such room')
      vendor.refuseJoining(cause)
      await expect(vendor.open(host)).rejects.toMatchObject({ code: 'MEDIA_FAILED', cause })
      await settled()
      expect(vendor.hasLeft()).toBe(true)
      expect(host.told).toEqual(['connecting', 'disconnected'])
    })

    test('that gets no answer is MEDIA_FAILED after 30 s, and the room is left', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      vendor.neverAnswer()
      const opening = vendor.open(host).catch((error: unknown) => error)
      await settled()
      vi.advanceTimersByTime(30_000)
      expect(await opening).toMatchObject({ code: 'MEDIA_FAILED' })
      expect(vendor.hasLeft()).toBe(true)
    })

    test('without a credential is MEDIA_FAILED that names it', async () => {
      for (const name of [vendor.needs, 'token'] as const) {
        host = new HostDouble({ ...vendor.connection, [name]: null })
        const message = expect.stringContaining(name)
        await expect(vendor.open(host)).rejects.toMatchObject({ code: 'MEDIA_FAILED', message })
      }
    })

    test('in an unsupported browser is NOT_SUPPORTED', async () => {
      vendor.unsupported()
      await expect(vendor.open(host)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
      expect(host.told).toEqual([])
    })
  })

  describe('publishing', () => {
    test.each([
      ['camera', 'video'],
      ['microphone', 'audio'],
      ['screen', 'video'],
    ] as const)('a %s adds its track, unpublishing releases it, and both are idempotent', async (source, kind) => {
      const session = await join()
      await session.publish(source, true)
      await session.publish(source, true)
      expect(vendor.published()).toBe(1)
      expect(host.tracks).toMatchObject([{ userId: 'alice', source, kind, local: true }])
      expect(host.tracks[0]?.mediaStreamTrack).toBe(vendor.devices()[0]?.asMediaStreamTrack)

      await session.publish(source, false)
      await session.publish(source, false)
      expect(vendor.published()).toBe(0)
      expect(states()).toEqual(['ended'])
      expect(host.told).toEqual([`added own ${source} ${kind}`, `removed own ${source} ${kind}`])
    })

    test('that the vendor rejects is MEDIA_FAILED, releases the device and can be retried', async () => {
      const session = await join()
      const cause = new Error('may only subscribe')
      vendor.refusePublishing(cause)
      await expect(session.publish('camera', true)).rejects.toMatchObject({ code: 'MEDIA_FAILED', cause })
      expect(states()).toEqual(['ended'])
      vendor.refusePublishing(undefined)
      await session.publish('camera', true)
      expect(host.told).toEqual(['added own camera video'])
    })

    test('a screen ends with the browser\'s "stop sharing" and can be shared again', async () => {
      const session = await join()
      await session.publish('screen', true)
      await vendor.stopSharing()
      await settled()
      expect(vendor.published()).toBe(0)
      expect(host.told).toEqual(['added own screen video', 'removed own screen video', 'unpublished screen'])
      await session.publish('screen', true)
      expect(host.track('alice', 'screen')).toBeDefined()
    })

    test.each(['camera', 'microphone'] as const)('selecting another %s replaces the track', async (source) => {
      const session = await join()
      await session.publish(source, true)
      const [former] = host.tracks
      await session.selectDevice(source, 'another')
      expect(host.tracks).toHaveLength(1)
      expect(host.tracks[0]).not.toBe(former)
      expect(host.tracks[0]?.mediaStreamTrack).toBe(vendor.devices().at(-1)?.asMediaStreamTrack)
    })
  })

  describe('closing', () => {
    test('releases everything, reports it once, and reports nothing afterwards', async () => {
      const session = await join()
      for (const source of ['camera', 'microphone'] as const) await session.publish(source, true)
      await session.close()
      await session.close()
      vendor.straggle()
      await settled()
      expect(states()).toEqual(['ended', 'ended'])
      expect(vendor.hasLeft()).toBe(true)
      expect(host.told.slice(2)).toEqual(['removed own camera video', 'removed own microphone audio', 'disconnected'])
    })

    test('does not throw when the vendor does', async () => {
      const session = await join()
      vendor.failLeaving()
      await session.close()
    })

    test('during a permission prompt leaves no device open and publishes nothing', async () => {
      const session = await join()
      let allow = (): void => undefined
      vendor.ask(new Promise((resolve) => (allow = resolve)))
      const publishing = session.publish('camera', true)
      await session.close()
      allow()
      await expect(publishing).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
      expect(states()).toEqual(['ended'])
      expect(vendor.published()).toBe(0)
      expect(host.told).toEqual(['disconnected'])
    })
  })
})
