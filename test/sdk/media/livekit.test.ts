import { ConnectionState, DeviceUnsupportedError, Track } from 'livekit-client'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { MediaSession } from '../../../src/sdk/media/media.ts'
import { openLivekit } from '../../../src/sdk/media/livekit.ts'
import { HostDouble, TrackDouble } from './host.ts'
import { RoomDouble } from './livekit-double.ts'

vi.mock('livekit-client', async (original) => ({
  ...(await original<typeof import('livekit-client')>()),
  Room: (await import('./livekit-double.ts')).RoomDouble,
  isBrowserSupported: () => true,
}))

const CONNECTION = { provider: 'livekit', url: 'wss://livekit.example', token: 'token-1' } as const
let host: HostDouble

beforeEach(() => {
  RoomDouble.reset()
  host = new HostDouble(CONNECTION)
})

/** Joins as alice and clears the record. */
async function join(): Promise<{ session: MediaSession; room: RoomDouble }> {
  const session = await openLivekit(host)
  host.told.length = 0
  return { session, room: RoomDouble.last }
}

describe('joining', () => {
  test('uses URL and token of the connection', async () => {
    await openLivekit(host)
    expect(RoomDouble.last.asked).toEqual([['connect', 'wss://livekit.example', 'token-1']])
    expect(host.told).toEqual(['connecting', 'connected'])
  })

  test('ended by the server before it completes is MEDIA_FAILED', async () => {
    RoomDouble.connecting = new Promise(() => undefined)
    const opening = openLivekit(host)
    await vi.waitUntil(() => host.told.length > 0)
    RoomDouble.last.drop('ROOM_DELETED')
    await expect(opening).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
    expect(host.errors).toEqual([])
  })
})

describe('publishing', () => {
  test.each([
    ['NotAllowedError', 'DEVICE_DENIED'],
    ['NotFoundError', 'DEVICE_NOT_FOUND'],
    ['NotReadableError', 'DEVICE_FAILED'],
    ['SomethingElse', 'MEDIA_FAILED'],
  ])('%s of the browser is %s', async (name, code) => {
    const { session, room } = await join()
    const cause = new DOMException('', name)
    room.devices.error = cause
    await expect(session.publish('camera', true)).rejects.toMatchObject({ code, cause })
    expect(host.told).toEqual([])
  })

  test('a screen in a browser without screen capture is NOT_SUPPORTED', async () => {
    const { session, room } = await join()
    room.devices.error = new DeviceUnsupportedError('getDisplayMedia not supported')
    await expect(session.publish('screen', true)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('ends when the device is gone, but not when another participant mutes', async () => {
    const { session, room } = await join()
    await session.publish('microphone', true)
    room.mute(Track.Source.Microphone, { isLocal: false })
    expect(host.tracks).toHaveLength(1)
    room.mute(Track.Source.Microphone)
    expect(host.told).toContain('unpublished microphone')
    expect(room.published.size).toBe(0)
  })
})

describe('devices', () => {
  test('selected before publishing are opened', async () => {
    const { session, room } = await join()
    await session.selectDevice('camera', 'cam-2')
    await session.selectDevice('microphone', 'mic-2')
    await session.publish('camera', true)
    await session.publish('microphone', true)
    expect(room.opened.map((track) => track.options)).toEqual([
      { video: { deviceId: { exact: 'cam-2' } } },
      { audio: { deviceId: { exact: 'mic-2' } } },
    ])
  })

  test('that cannot be opened get a device code, and the source is unpublished if the previous one is gone, too', async () => {
    const { session, room } = await join()
    await session.publish('camera', true)
    room.devices.error = new DOMException('', 'OverconstrainedError')
    await expect(session.selectDevice('camera', 'gone')).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' })
    expect(host.told).toEqual(['added own camera video', 'removed own camera video', 'unpublished camera'])
  })

  test('that LiveKit changes by itself replace the track', async () => {
    const { session, room } = await join()
    await session.publish('microphone', true)
    room.opened[0]?.restart()
    expect(host.tracks).toHaveLength(1)
    expect(host.tracks[0]?.mediaStreamTrack).toBe(room.opened[0]?.mediaStreamTrack)
  })
})

describe('the others', () => {
  test('have each of their tracks added and removed once', async () => {
    const { room } = await join()
    const camera = new TrackDouble('video')
    const cameraGoes = room.remote('bob', Track.Source.Camera, camera)
    room.remote('bob', Track.Source.Camera, camera)
    const soundGoes = room.remote('bob', Track.Source.ScreenShareAudio, new TrackDouble('audio'))
    expect(host.track('bob', 'camera')?.mediaStreamTrack).toBe(camera.asMediaStreamTrack)
    cameraGoes()
    cameraGoes()
    soundGoes()
    expect(host.told).toEqual([
      'added bob camera video',
      'added bob screen audio',
      'removed bob camera video',
      'removed bob screen audio',
    ])
  })

  test('whose subscription fails are reported', async () => {
    const { room } = await join()
    room.subscriptionFails('bob')
    expect(host.errors).toMatchObject([{ code: 'MEDIA_FAILED', message: expect.stringContaining('bob') }])
  })
})

describe('the connection', () => {
  test('reports each state once', async () => {
    const { room } = await join()
    for (const state of ['SignalReconnecting', 'Reconnecting', 'Connected'] as const) room.turn(ConnectionState[state])
    expect(host.told).toEqual(['reconnecting', 'connected'])
  })

  test('that is restored keeps the published sources, except for a device that is gone', async () => {
    const { session, room } = await join()
    await session.publish('camera', true)
    await session.publish('microphone', true)
    room.reconnect()
    expect(host.told).not.toContain('unpublished camera')
    expect(host.tracks.map((track) => track.mediaStreamTrack)).toEqual(
      room.opened.map((track) => track.mediaStreamTrack),
    )
    expect(room.published.size).toBe(2)
    room.reconnect(Track.Source.Camera)
    expect(host.told).toContain('unpublished camera')
    expect(host.tracks.map((track) => track.source)).toEqual(['microphone'])
  })

  test('gets its tokens from the server: renewing has no effect', async () => {
    const { session, room } = await join()
    await session.renew(host.connection)
    expect(room.asked).toHaveLength(1)
  })

  test.each(['DUPLICATE_IDENTITY', 'PARTICIPANT_REMOVED', 'ROOM_DELETED', 'SERVER_SHUTDOWN'] as const)(
    'ended by the server (%s) is reported once with its tracks and sources, and the devices are released',
    async (reason) => {
      const { session, room } = await join()
      await session.publish('camera', true)
      room.remote('bob', Track.Source.Camera, new TrackDouble('video'))
      host.told.length = 0
      room.drop(reason)
      expect(host.told.toSorted()).toEqual([
        'disconnected',
        'failed MEDIA_FAILED',
        'removed bob camera video',
        'removed own camera video',
        'unpublished camera',
      ])
      expect(host.errors[0]?.message).toContain(reason)
      expect(room.opened.map((track) => track.device.readyState)).toEqual(['ended'])
      await expect(session.publish('camera', true)).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
      await session.publish('camera', false)
    },
  )
})

describe('closing', () => {
  test('releases everything, reports it once, and reports nothing afterwards', async () => {
    const { session, room } = await join()
    for (const source of ['camera', 'microphone', 'screen'] as const) await session.publish(source, true)
    const bobGoes = room.remote('bob', Track.Source.Camera, new TrackDouble('video'))
    await session.close()
    await session.close()
    bobGoes()
    room.turn(ConnectionState.Reconnecting)
    room.remote('carol', Track.Source.Camera, new TrackDouble('video'))
    expect(host.tracks).toEqual([])
    expect(room.opened.map((track) => track.device.readyState)).toEqual(['ended', 'ended', 'ended'])
    expect(host.told.at(-1)).toBe('disconnected')
    expect(host.errors).toEqual([])
  })
})
