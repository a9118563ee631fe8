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

/** Alice is in, and what was told until now is forgotten. */
async function join(): Promise<{ session: MediaSession; engine: EngineDouble }> {
  const session = await openVolcengine(host)
  host.told.length = 0
  return { session, engine: volcengine.engine }
}

/** As a turn of the event loop, in which all that waits for nothing gets done. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('joining', () => {
  test('takes app, token, room and user from the connection, publishes nothing by itself and plays nothing', async () => {
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

  test('ended by the service before it is through is MEDIA_FAILED too', async () => {
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
  test('selected before publishing are those that are opened', async () => {
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

  test('that cannot be opened are coded, and the former one goes on', async () => {
    const { session, engine } = await join()
    await session.publish('camera', true)
    engine.deviceError = new SdkErrorDouble('GET_VIDEO_TRACK_FAILED', new DOMException('', 'OverconstrainedError'))
    await expect(session.selectDevice('camera', 'gone')).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' })
    expect(host.told).toEqual(['added own camera video'])
  })
})

describe('the others', () => {
  test('are subscribed to as they come, and each of their tracks goes once', async () => {
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

  test('keep what was subscribed to when more of their stream comes, and not what has gone', async () => {
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

  test('who are gone before the subscription stands were never there', async () => {
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

  test('that publish anew after a reconnection are shown with their new track', async () => {
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
    'whom the engine subscribes to anew are shown with their new track, and not after they have gone',
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

  test('that cannot be subscribed to are reported', async () => {
    const { engine } = await join()
    engine.subscribeError = new SdkErrorDouble('TOKEN_NO_SUBSCRIBE_PERMISSION')
    engine.publishes('bob', 0, 'video')
    await settled()
    expect(host.errors).toMatchObject([{ code: 'MEDIA_FAILED', cause: engine.subscribeError }])
  })
})

describe('the token', () => {
  test('that is about to expire is renewed once, however often that is said', async () => {
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

  test('is renewed when the client says so', async () => {
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
  test('tells its states, each once; lost is still reconnecting', async () => {
    const { engine } = await join()
    for (const state of [1, 4, 6, 5]) engine.tell('onConnectionStateChanged', { state })
    expect(host.told).toEqual(['reconnecting', 'connected'])
  })

  test.each(['DUPLICATE_LOGIN', 'KICKED_OUT', 'ROOM_DISMISS', 'TOKEN_EXPIRED', 'RECONNECT_FAILED'])(
    'ended by the service (%s) is told with all that goes with it, once, and the devices are given back',
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

  test('is not ended by errors of messaging', async () => {
    const { engine } = await join()
    engine.tell('onError', { errorCode: 'RTM_TOKEN_ERROR' })
    expect(host.told).toEqual([])
  })
})

describe('closing', () => {
  test('gives everything back, tells it once, and nothing after', async () => {
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
