import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { MediaSession } from '../../../src/sdk/media/media.ts'
import { openVolcengine } from '../../../src/sdk/media/volcengine.ts'
import { HostDouble } from './host.ts'
import { type EngineDouble, SdkErrorDouble, volcengine } from './volcengine-double.ts'

vi.mock('@volcengine/rtc', async () => ({ default: (await import('./volcengine-double.ts')).volcengine }))

const CONNECTION = { provider: 'volcengine', appId: 'app-1', token: 'token-1' } as const
let host: HostDouble

beforeEach(() => {
  volcengine.reset()
  host = new HostDouble(CONNECTION)
})

/** Joins as alice and clears the record. */
async function join(): Promise<{ session: MediaSession; engine: EngineDouble }> {
  const session = await openVolcengine(host)
  host.told.length = 0
  return { session, engine: volcengine.engine }
}

/** Waits one turn of the event loop, so that settled promises are handled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('joining', () => {
  test('uses app, token, room and user of the connection, with automatic publishing and playback off', async () => {
    await openVolcengine(host)
    expect(volcengine.asked).toEqual([['createEngine', 'app-1', { autoPlayPolicy: 2 }]])
    expect(volcengine.engine.asked).toEqual([
      [
        'joinRoom',
        'token-1',
        'room-1',
        { userId: 'alice' },
        { isAutoPublish: false, isAutoSubscribeAudio: false, isAutoSubscribeVideo: false },
      ],
    ])
    expect(host.told).toEqual(['connecting', 'connected'])
  })

  test('ended by the service before it completes is MEDIA_FAILED', async () => {
    volcengine.engine.joining = new Promise(() => undefined)
    const opening = openVolcengine(host)
    await settled()
    volcengine.engine.tell('onError', { errorCode: 'ROOM_DISMISS' })
    await expect(opening).rejects.toMatchObject({
      code: 'MEDIA_FAILED',
      message: expect.stringContaining('ROOM_DISMISS'),
    })
    expect(host.errors).toEqual([])
  })
})

describe('publishing', () => {
  test.each([
    ['NO_PERMISSION', 'DEVICE_DENIED'],
    ['INVALID_DEVICE_ID', 'DEVICE_NOT_FOUND'],
    ['GET_VIDEO_TRACK_FAILED', 'DEVICE_FAILED'],
    ['GET_AUDIO_TRACK_FAILED', 'DEVICE_FAILED'],
    ['GET_SCREEN_TRACK_FAILED', 'DEVICE_FAILED'],
    ['NOT_SUPPORTED', 'NOT_SUPPORTED'],
    ['STREAM_TYPE_NOT_MATCH', 'MEDIA_FAILED'],
  ])('%s alone is %s', async (vendorCode, code) => {
    const { session, engine } = await join()
    engine.deviceError = new SdkErrorDouble(vendorCode)
    await expect(session.publish('screen', true)).rejects.toMatchObject({ code, cause: engine.deviceError })
  })

  test.each([
    ['camera', 'video'],
    ['microphone', 'audio'],
    ['screen', 'video'],
  ] as const)('a %s ends when the browser ends it', async (source, kind) => {
    const { session, engine } = await join()
    await session.publish(source, true)
    engine.end(source)
    expect(host.told).toEqual([`added own ${source} ${kind}`, `removed own ${source} ${kind}`, `unpublished ${source}`])
    expect(engine.published.size).toBe(0)
    await settled()
    await session.publish(source, true)
    expect(host.track('alice', source)).toBeDefined()
  })
})

describe('devices', () => {
  test('selected before publishing are opened', async () => {
    const { session, engine } = await join()
    await session.selectDevice('camera', 'cam-2')
    await session.selectDevice('microphone', 'mic-2')
    await session.publish('camera', true)
    await session.publish('microphone', true)
    expect(engine.asked.slice(1)).toEqual([
      ['start', 'camera', 'cam-2'],
      ['start', 'microphone', 'mic-2'],
    ])
  })

  test('that cannot be opened get a device code, and the previous one stays in use', async () => {
    const { session, engine } = await join()
    await session.publish('camera', true)
    engine.deviceError = new SdkErrorDouble('GET_VIDEO_TRACK_FAILED', new DOMException('', 'OverconstrainedError'))
    await expect(session.selectDevice('camera', 'gone')).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' })
    expect(host.told).toEqual(['added own camera video'])
  })
})

describe('the others', () => {
  test('are subscribed to when they publish, and each of their tracks is removed once', async () => {
    const { engine } = await join()
    const camera = engine.publishes('bob', 0, 'video')
    engine.publishes('bob', 0, 'audio')
    engine.publishes('bob', 1, 'video')
    await settled()
    expect(host.track('bob', 'camera')?.mediaStreamTrack).toBe(camera.asMediaStreamTrack)
    engine.unpublishes('bob', 0, 3)
    engine.unpublishes('bob', 0, 3)
    engine.tell('onUserLeave', { userInfo: { userId: 'bob' }, reason: 0 })
    expect(host.told).toEqual([
      'added bob camera video',
      'added bob microphone audio',
      'added bob screen video',
      'removed bob microphone audio',
      'removed bob camera video',
      'removed bob screen video',
    ])
  })

  test('keep their subscribed media when more of the stream is published, without what was unpublished', async () => {
    const { engine } = await join()
    engine.publishes('bob', 0, 'audio')
    engine.publishes('bob', 0, 'video')
    engine.unpublishes('bob', 0, 1)
    engine.publishes('bob', 0, 'video')
    expect(engine.asked.slice(1)).toEqual([
      ['subscribe', 'stream', 'bob', 1],
      ['subscribe', 'stream', 'bob', 3],
      ['subscribe', 'stream', 'bob', 2],
    ])
  })

  test('who leave before the subscription completes are never reported', async () => {
    const { engine } = await join()
    let go = (): void => undefined
    engine.subscribing = new Promise((resolve) => (go = resolve))
    engine.publishes('bob', 0, 'video')
    engine.publishes('carol', 0, 'audio')
    engine.unpublishes('bob', 0, 2)
    engine.tell('onUserLeave', { userInfo: { userId: 'carol' }, reason: 1 })
    go()
    await settled()
    expect(host.told).toEqual([])
  })

  test('who republish after a reconnection are reported with the new track', async () => {
    const { engine } = await join()
    engine.publishes('bob', 0, 'video')
    await settled()
    const again = engine.publishes('bob', 0, 'video')
    await settled()
    expect(host.tracks.map((track) => track.mediaStreamTrack)).toEqual([again.asMediaStreamTrack])
  })

  test.each([
    [0, 'camera'],
    [1, 'screen'],
  ] as const)(
    'whom the engine resubscribes to are reported with the new track, but not after they left',
    async (index, source) => {
      const { engine } = await join()
      engine.publishes('bob', index, 'video')
      await settled()
      const again = engine.resubscribes('bob', index, 'video')
      expect(host.tracks.map((track) => track.mediaStreamTrack)).toEqual([again.asMediaStreamTrack])
      expect(host.track('bob', source)).toBeDefined()
      engine.unpublishes('bob', index, 2)
      engine.resubscribes('bob', index, 'video')
      expect(host.tracks).toEqual([])
    },
  )

  test('whose subscription fails are reported', async () => {
    const { engine } = await join()
    engine.subscribeError = new SdkErrorDouble('TOKEN_NO_SUBSCRIBE_PERMISSION')
    engine.publishes('bob', 0, 'video')
    await settled()
    expect(host.errors).toMatchObject([{ code: 'MEDIA_FAILED', cause: engine.subscribeError }])
  })
})

describe('the token', () => {
  test('that is about to expire is renewed once, however many warnings are emitted', async () => {
    const { engine } = await join()
    engine.tell('onTokenWillExpire')
    engine.tell('onTokenPublishPrivilegeWillExpire')
    engine.tell('onTokenSubscribePrivilegeWillExpire')
    await settled()
    expect(engine.asked.slice(1)).toEqual([['updateToken', 'token-2']])
    engine.tell('onTokenWillExpire')
    await settled()
    expect(engine.asked.slice(1)).toHaveLength(2)
  })

  test('is renewed on request', async () => {
    const { session, engine } = await join()
    await session.renew({ ...host.connection, token: 'token-3' })
    expect(engine.asked.at(-1)).toEqual(['updateToken', 'token-3'])
  })

  test('that cannot be renewed is reported', async () => {
    const { engine } = await join()
    host.refreshed = new Error('the gateway is away')
    engine.tell('onTokenWillExpire')
    await settled()
    expect(host.errors).toMatchObject([{ code: 'MEDIA_FAILED', cause: host.refreshed }])
  })
})

describe('the connection', () => {
  test('reports each state once; lost counts as reconnecting', async () => {
    const { engine } = await join()
    for (const state of [1, 4, 6, 5]) engine.tell('onConnectionStateChanged', { state })
    expect(host.told).toEqual(['reconnecting', 'connected'])
  })

  test.each(['DUPLICATE_LOGIN', 'KICKED_OUT', 'ROOM_DISMISS', 'TOKEN_EXPIRED', 'RECONNECT_FAILED'])(
    'ended by the service (%s) is reported once with its tracks and sources, and the devices are released',
    async (errorCode) => {
      const { session, engine } = await join()
      await session.publish('camera', true)
      engine.publishes('bob', 0, 'audio')
      await settled()
      host.told.length = 0
      engine.tell('onError', { errorCode })
      engine.unpublishes('bob', 0, 1)
      await settled()
      expect(host.told).toEqual([
        'removed own camera video',
        'removed bob microphone audio',
        'disconnected',
        'unpublished camera',
        'failed MEDIA_FAILED',
      ])
      expect(host.errors[0]?.message).toContain(errorCode)
      expect(engine.opened.map((track) => track.readyState)).toEqual(['ended'])
      expect(volcengine.asked.at(-1)).toEqual(['destroyEngine'])
      await expect(session.publish('camera', true)).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
    },
  )

  test('is not ended by errors of the messaging room', async () => {
    const { engine } = await join()
    engine.tell('onError', { errorCode: 'RTM_TOKEN_ERROR' })
    expect(host.told).toEqual([])
  })
})

describe('closing', () => {
  test('releases everything, reports it once, and reports nothing afterwards', async () => {
    const { session, engine } = await join()
    for (const source of ['camera', 'microphone', 'screen'] as const) await session.publish(source, true)
    engine.publishes('bob', 0, 'video')
    await settled()
    await session.close()
    await session.close()
    engine.publishes('carol', 0, 'audio')
    engine.tell('onConnectionStateChanged', { state: 4 })
    await settled()
    expect(host.tracks).toEqual([])
    expect(engine.opened.map((track) => track.readyState)).toEqual(['ended', 'ended', 'ended'])
    expect(engine.asked).toContainEqual(['leaveRoom'])
    expect(volcengine.asked).toContainEqual(['destroyEngine'])
    expect(host.told.at(-1)).toBe('disconnected')
    expect(host.errors).toEqual([])
  })

  test('does not throw when Volcengine does', async () => {
    const { session, engine } = await join()
    engine.leaveRoom = () => Promise.reject(new SdkErrorDouble('UNEXPECTED_ERROR'))
    await session.close()
    expect(volcengine.asked.at(-1)).toEqual(['destroyEngine'])
  })
})
