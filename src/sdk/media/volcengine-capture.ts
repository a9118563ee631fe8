import type { IRTCEngine, MediaType, StreamIndex } from '@volcengine/rtc'
import type { ClientErrorCode } from '../errors.ts'
import { codedDeviceError, deviceError } from './device-error.ts'
import type { MediaSource } from './media.ts'
import type { OpenCapture } from './publisher.ts'

/** Values of Volcengine's enums, which neither its CommonJS build nor its global exports. */
export const AUDIO: MediaType.AUDIO = 1
export const VIDEO: MediaType.VIDEO = 2
export const MAIN: StreamIndex.STREAM_INDEX_MAIN = 0
export const SCREEN: StreamIndex.STREAM_INDEX_SCREEN = 1

/** Device errors by Volcengine's code, for SDK errors that do not carry the browser's own error. */
const DEVICE_CODES: ReadonlyMap<unknown, ClientErrorCode> = new Map([
  ['NO_PERMISSION', 'DEVICE_DENIED'],
  ['INVALID_DEVICE_ID', 'DEVICE_NOT_FOUND'],
  ['GET_VIDEO_TRACK_FAILED', 'DEVICE_FAILED'],
  ['GET_AUDIO_TRACK_FAILED', 'DEVICE_FAILED'],
  ['GET_SCREEN_TRACK_FAILED', 'DEVICE_FAILED'],
  ['NOT_SUPPORTED', 'NOT_SUPPORTED'],
])

/** The engine's functions for one source. */
interface Controls {
  start(deviceId: string | undefined): Promise<unknown>
  stop(): Promise<void>
  track(): MediaStreamTrack | undefined
  publish(): Promise<void>
  unpublish(): Promise<void>
  select(deviceId: string): Promise<void>
}

/** Opens devices and screens with a Volcengine engine. */
export function openVolcengineCapture(engine: IRTCEngine): OpenCapture {
  const controls = controlsOf(engine)
  return async (source, deviceId) => {
    const { start, stop, track, publish, unpublish, select } = controls[source]
    await start(deviceId).catch(throwDeviceError(source))
    let last = track()
    return {
      // The engine no longer returns a track that has ended.
      mediaStreamTrack: () => (last = track() ?? last),
      publish,
      unpublish,
      selectDevice: (id) => select(id).catch(throwDeviceError(source)),
      stop,
    }
  }
}

function controlsOf(engine: IRTCEngine): Record<MediaSource, Controls> {
  return {
    camera: {
      start: async (deviceId) => engine.startVideoCapture(deviceId),
      stop: () => engine.stopVideoCapture(),
      // Older engines, loaded by a script tag, lack this function.
      track: () => engine.getLocalStreamTrack?.(MAIN, 'video'),
      publish: () => engine.publishStream(VIDEO),
      unpublish: () => engine.unpublishStream(VIDEO),
      select: (deviceId) => engine.setVideoCaptureDevice(deviceId),
    },
    microphone: {
      start: async (deviceId) => engine.startAudioCapture(deviceId),
      stop: () => engine.stopAudioCapture(),
      track: () => engine.getLocalStreamTrack?.(MAIN, 'audio'),
      publish: () => engine.publishStream(AUDIO),
      unpublish: () => engine.unpublishStream(AUDIO),
      select: (deviceId) => engine.setAudioCaptureDevice(deviceId),
    },
    screen: {
      start: async () => engine.startScreenCapture({ enableAudio: false }),
      stop: () => engine.stopScreenCapture(),
      track: () => engine.getLocalStreamTrack?.(SCREEN, 'video'),
      publish: () => engine.publishScreen(VIDEO),
      unpublish: () => engine.unpublishScreen(VIDEO),
      select: async () => undefined,
    },
  }
}

/** Volcengine's SDKError has a `code`, and in `error` the browser's error. */
function throwDeviceError(source: MediaSource): (thrown: unknown) => never {
  return (thrown) => {
    const { code, error } = thrown instanceof Error ? (thrown as Error & { code?: unknown; error?: unknown }) : {}
    const byBrowser = deviceError(error, source)
    throw byBrowser.code === 'MEDIA_FAILED' ? codedDeviceError(DEVICE_CODES.get(code), thrown, source) : byBrowser
  }
}
