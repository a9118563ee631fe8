import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openAgora } from '../../../src/sdk/media/agora.ts'
import type { MediaSession } from '../../../src/sdk/media/media.ts'
import { AgoraDouble, AgoraErrorDouble, type ClientDouble } from './agora-double.ts'
import { HostDouble, participant } from './host.ts'

const CONNECTION = { provider: 'agora', appId: 'app-1', token: 'token-1', uid: 1 } as const
const [BOB, CAROL] = [2, 3]
let host: HostDouble
let agora: AgoraDouble

beforeEach(() => {
  agora = new AgoraDouble()
  host = new HostDouble(CONNECTION)
  host.others = [participant('bob', BOB), participant('carol', CAROL)]
  // The package needs a window when imported, so in Node.js only the script tag's global works.
  vi.stubGlobal('AgoraRTC', agora)
})
afterEach(() => void vi.unstubAllGlobals())

/** Joins as alice and clears the record. */
async function join(): Promise<{ session: MediaSession; client: ClientDouble }> {
  const session = await openAgora(host)
  host.told.length = 0
  return { session, client: agora.client }
}

/** Waits one turn of the event loop, so that settled promises are handled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('joining', () => {
  test('uses app, channel, token and uid of the connection', async () => {
    await openAgora(host)
    expect(agora.client.asked).toEqual([['join', 'app-1', 'room-1', 'token-1', 1]])
    expect(host.told).toEqual(['connecting', 'connected'])
  })
})

describe('publishing', () => {
  test.each([
    ['PERMISSION_DENIED', 'DEVICE_DENIED'],
    ['DEVICE_NOT_FOUND', 'DEVICE_NOT_FOUND'],
    ['MEDIA_OPTION_INVALID', 'DEVICE_NOT_FOUND'],
    ['CONSTRAINT_NOT_SATISFIED', 'DEVICE_NOT_FOUND'],
    ['NOT_READABLE', 'DEVICE_FAILED'],
    ['NOT_SUPPORTED', 'NOT_SUPPORTED'],
    ['WEB_SECURITY_RESTRICT', 'NOT_SUPPORTED'],
    ['UNEXPECTED_ERROR', 'MEDIA_FAILED'],
  ])('%s of Agora is %s', async (agoraCode, code) => {
    const { session } = await join()
    agora.deviceError = new AgoraErrorDouble(agoraCode)
    await expect(session.publish('camera', true)).rejects.toMatchObject({ code, cause: agora.deviceError })
    expect(host.told).toEqual([])
  })

  test('a screen that was stopped before it was published ends at once', async () => {
    const { session, client } = await join()
    client.publish = async () => agora.opened[0]?.end()
    await session.publish('screen', true)
    expect(host.told).toEqual(['added own screen video', 'removed own screen video', 'unpublished screen'])
  })
})

describe('devices', () => {
  test('selected before publishing are opened', async () => {
    const { session } = await join()
    await session.selectDevice('camera', 'cam-2')
    await session.selectDevice('microphone', 'mic-2')
    await session.publish('camera', true)
    await session.publish('microphone', true)
    expect(agora.opened.map((track) => track.config)).toEqual([{ cameraId: 'cam-2' }, { microphoneId: 'mic-2' }])
  })

  test('that Agora reports as an unexpected error get a device code', async () => {
    const { session } = await join()
    await session.selectDevice('camera', 'cam-1')
    agora.deviceError = new AgoraErrorDouble('UNEXPECTED_ERROR')
    await expect(session.publish('camera', true)).rejects.toMatchObject({
      code: 'MEDIA_FAILED',
      cause: agora.deviceError,
    })
  })

  test('that are gone are replaced by the default one', async () => {
    const { session } = await join()
    await session.selectDevice('camera', 'cam-9')
    const { createCameraVideoTrack } = agora
    agora.createCameraVideoTrack = async (config) => {
      if (config?.cameraId === 'cam-9') throw new AgoraErrorDouble('UNEXPECTED_ERROR')
      return createCameraVideoTrack.call(agora, config)
    }
    await session.publish('camera', true)
    expect(host.told).toEqual(['cam-9 fell back to the default camera', 'added own camera video'])
    await session.publish('camera', false)
    await session.publish('camera', true)
    expect(agora.opened.map((track) => track.config)).toEqual([{}, {}])
  })

  test('that Agora changes by itself replace the track', async () => {
    const { session } = await join()
    await session.publish('microphone', true)
    agora.opened[0]?.update()
    await settled()
    expect(host.tracks.map((track) => track.mediaStreamTrack)).toEqual([agora.opened[0]?.getMediaStreamTrack()])
  })

  test('that cannot be opened get a device code, and the previous one stays in use', async () => {
    const { session } = await join()
    await session.publish('camera', true)
    const [camera] = agora.opened
    if (camera) camera.deviceError = new AgoraErrorDouble('UNEXPECTED_ERROR')
    await expect(session.selectDevice('camera', 'gone')).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' })
    await session.publish('camera', false)
    await session.publish('camera', true)
    expect(agora.opened.at(-1)?.config).toEqual({})
  })
})

describe('the others', () => {
  test('are subscribed to when they publish, and each of their tracks is removed once', async () => {
    const { client } = await join()
    const video = client.publishes(BOB, 'video')
    client.publishes(BOB, 'audio')
    client.publishes(CAROL, 'audio')
    await settled()
    expect(host.track('bob', 'camera')?.mediaStreamTrack).toBe(video.getMediaStreamTrack())
    client.unpublishes(BOB, 'video')
    client.unpublishes(BOB, 'video')
    client.emit('user-left', { uid: BOB }, 'Quit')
    expect(host.told).toEqual([
      'added bob camera video',
      'added bob microphone audio',
      'added carol microphone audio',
      'removed bob camera video',
      'removed bob microphone audio',
    ])
  })

  test('who leave before the subscription completes are never reported', async () => {
    const { client } = await join()
    let go = (): void => undefined
    client.subscribing = new Promise((resolve) => (go = resolve))
    client.publishes(BOB, 'video')
    client.publishes(CAROL, 'audio')
    client.unpublishes(BOB, 'video')
    client.emit('user-left', { uid: CAROL }, 'Quit')
    go()
    await settled()
    expect(host.told).toEqual([])
  })

  test('whose track is replaced are reported with the new one, but not after they left', async () => {
    const { client } = await join()
    const video = client.publishes(BOB, 'video')
    await settled()
    video.update()
    expect(host.track('bob', 'camera')?.mediaStreamTrack).toBe(video.getMediaStreamTrack())
    client.unpublishes(BOB, 'video')
    video.update()
    expect(host.tracks).toEqual([])
  })

  test('are subscribed to as soon as the gateway reports their join, if they publish before', async () => {
    const { session, client } = await join()
    client.publishes(4, 'video')
    client.publishes(5, 'audio')
    client.publishes(5, 'video')
    client.unpublishes(5, 'audio')
    await settled()
    expect(host.told).toEqual([])
    session.others([...host.others, participant('dave', 4), participant('eve', 5)])
    await settled()
    expect(host.told).toEqual(['added dave camera video', 'added eve camera video'])
  })

  test('who leave before the gateway reports their join are never reported', async () => {
    const { session, client } = await join()
    client.publishes(4, 'video')
    client.emit('user-left', { uid: 4 }, 'Quit')
    session.others([participant('dave', 4)])
    await settled()
    expect(host.told).toEqual([])
  })

  test('whose subscription fails are reported', async () => {
    const { client } = await join()
    client.subscribeError = new AgoraErrorDouble('SUBSCRIBE_FAILED')
    client.publishes(BOB, 'video')
    await settled()
    expect(host.errors).toMatchObject([{ code: 'MEDIA_FAILED', cause: client.subscribeError }])
  })
})

describe('the token', () => {
  test('that is about to expire is renewed', async () => {
    const { client } = await join()
    client.emit('token-privilege-will-expire')
    await settled()
    expect(client.asked.at(-1)).toEqual(['renewToken', 'token-2'])
  })

  test('is renewed on request', async () => {
    const { session, client } = await join()
    await session.renew({ ...host.connection, token: 'token-3' })
    expect(client.asked.at(-1)).toEqual(['renewToken', 'token-3'])
  })

  test('that cannot be renewed is reported', async () => {
    const { client } = await join()
    host.refreshed = new Error('the gateway is away')
    client.emit('token-privilege-will-expire')
    await settled()
    expect(host.errors).toMatchObject([{ code: 'MEDIA_FAILED', cause: host.refreshed }])
  })

  test('that has expired ends the connection', async () => {
    const { client } = await join()
    client.emit('token-privilege-did-expire')
    await settled()
    expect(host.told).toEqual(['disconnected', 'failed MEDIA_FAILED'])
    expect(client.asked.at(-1)).toEqual(['leave'])
  })
})

describe('the connection', () => {
  test('reports each state once', async () => {
    const { client } = await join()
    for (const state of ['RECONNECTING', 'RECONNECTING', 'CONNECTED'] as const) client.state(state)
    expect(host.told).toEqual(['reconnecting', 'connected'])
  })

  test.each(['UID_CONFLICT', 'UID_BANNED', 'NETWORK_ERROR', 'TOKEN_EXPIRE'])(
    'ended by Agora (%s) is reported once with its tracks and sources, and the devices are released',
    async (reason) => {
      const { session, client } = await join()
      await session.publish('camera', true)
      client.publishes(BOB, 'audio')
      await settled()
      host.told.length = 0
      client.state('DISCONNECTED', reason)
      client.emit('user-left', { uid: BOB }, 'Quit')
      await settled()
      expect(host.told).toEqual([
        'removed own camera video',
        'removed bob microphone audio',
        'disconnected',
        'unpublished camera',
        'failed MEDIA_FAILED',
      ])
      expect(host.errors[0]?.message).toContain(reason)
      expect(agora.opened.map((track) => track.device.readyState)).toEqual(['ended'])
      await expect(session.publish('camera', true)).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
    },
  )
})

describe('closing', () => {
  test('releases everything, reports it once, and reports nothing afterwards', async () => {
    const { session, client } = await join()
    for (const source of ['camera', 'microphone'] as const) await session.publish(source, true)
    client.publishes(BOB, 'video')
    await settled()
    await session.close()
    await session.close()
    client.publishes(CAROL, 'audio')
    client.state('RECONNECTING')
    await settled()
    expect(host.tracks).toEqual([])
    expect(agora.opened.map((track) => track.device.readyState)).toEqual(['ended', 'ended'])
    expect(host.told.at(-1)).toBe('disconnected')
    expect(host.errors).toEqual([])
  })

  test.each([
    ['published', 'publish'],
    ['unpublished', 'unpublish'],
  ] as const)('while a camera is being %s gives it back, though Agora never answers', async (_doing, verb) => {
    const { session, client } = await join()
    if (verb === 'unpublish') await session.publish('camera', true)
    client[verb] = () => new Promise(() => undefined)
    void session.publish('camera', verb === 'publish')
    await settled()
    expect(agora.opened.map((track) => track.device.readyState)).toEqual(['live'])
    await session.close()
    expect(agora.opened.map((track) => track.device.readyState)).toEqual(['ended'])
  })
})
